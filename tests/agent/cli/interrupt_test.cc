#include <csignal>

#include "drover_program.h"

namespace drover::cli {
namespace {

class Interrupted : public DroverProgram {
 protected:
  system::Child start(const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {DROVER_PROGRAM, "--bus", node_.bus().native()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    Result<system::Child> child = system::Child::start(argv);
    EXPECT_TRUE(child) << child.error().message;
    return std::move(*child);
  }
  /// Waits until the node's state is so; the program acts on its own time.
  void until(const std::function<bool(State&)>& is_so) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    bool reached = false;
    while (!reached && std::chrono::steady_clock::now() < limit) {
      node_.call([&](State& state, Faults&) { reached = is_so(state); });
    }
    ASSERT_TRUE(reached);
  }
  int ending(system::Child& child) {
    const Result<system::Ending> ended = child.wait(stop_, std::chrono::seconds(60));
    EXPECT_TRUE(ended) << ended.error().message;
    return ended ? ended->code : -1;
  }
};

TEST_F(Interrupted, AJobThatIsWaitedForIsCancelled) {
  system::Child child = start({"run", "--name", "web-1", "--id", "job-1", "--", "stuck"});
  until([](State& state) { return state.jobs.contains("job-1"); });
  child.signal(SIGINT);
  EXPECT_EQ(ending(child), 130);
  node_.call(
      [](State& state, Faults&) { EXPECT_EQ(state.jobs.at("job-1").state, JobState::cancelled); });
}

TEST_F(Interrupted, TheSecondTimeItLeavesTheJob) {
  node_.call([](State&, Faults& faults) { faults.beacons = true; });
  system::Child child = start({"run", "--name", "web-1", "--id", "job-1", "--", "stuck"});
  until([](State& state) { return state.jobs.contains("job-1"); });
  node_.call([](State&, Faults& faults) { faults.drop = 1'000'000; });  // the cancel goes nowhere
  const std::size_t before = node_.count("job.submit");
  child.signal(SIGINT);
  // Two signals of which the first still waits are one.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (node_.count("job.submit") == before && std::chrono::steady_clock::now() < limit) {
  }
  child.signal(SIGINT);
  EXPECT_EQ(ending(child), 130);
  node_.call(
      [](State& state, Faults&) { EXPECT_EQ(state.jobs.at("job-1").state, JobState::running); });
}

TEST_F(Interrupted, AContainerThatIsWaitedForIsStopped) {
  system::Child child =
      start({"run", "-q", "--name", "web-1", "--wait", "--", "sh", "-c", "sleep"});
  until([&](State& state) { return state.containers.contains("web-1"); });
  while (node_.count("stream.open") == 0) {
  }
  child.signal(SIGINT);
  EXPECT_EQ(ending(child), 143);  // as SIGTERM ended it
}

TEST_F(Interrupted, WhateverFollowsEnds) {
  have_container("web-1", "echo hi; sleep");
  system::Child logs = start({"logs", "-f", "web-1"});
  while (node_.count("stream.open") == 0) {
  }
  const std::size_t before = node_.count("query.node");
  system::Child events = start({"events", "-f"});
  while (node_.count("query.node") == before) {
  }
  logs.signal(SIGINT);
  events.signal(SIGTERM);
  EXPECT_EQ(ending(logs), 130);
  EXPECT_EQ(ending(events), 130);
}

}  // namespace
}  // namespace drover::cli
