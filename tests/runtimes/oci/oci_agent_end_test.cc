// Containers and the agent's end: they outlive it, and nothing it had only begun is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <thread>

#include "oci_node.h"
#include "runtimes/oci/cgroup.h"

namespace drover::runtimes {
namespace {

/// One of the container's processes has `word` in its command line. The runtime's own process
/// becomes the program some time after it was told of.
bool comes_to_run(const Container& container, const std::string& word) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (;;) {
    const std::vector<std::string> all = OciNode::processes_of(container);
    const bool runs = std::any_of(all.begin(), all.end(), [&word](const std::string& one) {
      return one.find(word) != std::string::npos;
    });
    if (runs || std::chrono::steady_clock::now() >= limit) {
      return runs;
    }
    poll(nullptr, 0, 5);
  }
}

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto* kWaitsForAMessage =
    "echo ready > /telling/told; while ! test -e /telling/end; do sleep 0.05; done; exit 9";

class OciAgentEndTest : public testing::TestWithParam<RuntimeKind> {
 protected:
  /// Another process creates and starts it, and is killed.
  void start_by_an_agent_that_is_killed(const Container& container) {
    const pid_t agent = fork();
    if (agent == 0) {
      OciRuntime runtime(node_.layout, node_.options);
      const bool started =
          runtime.create(container, node_.never) && runtime.start(container, node_.never);
      ::kill(getpid(), started ? SIGKILL : SIGTERM);
    }
    int status = 0;
    ASSERT_EQ(waitpid(agent, &status, 0), agent);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
  }
  void make_fresh_runtime() {
    node_.runtime = std::make_unique<OciRuntime>(node_.layout, node_.options);
  }

  OciNode node_{GetParam()};
  Telling telling_{node_.folder / "telling"};
};

INSTANTIATE_TEST_SUITE_P(Kinds, OciAgentEndTest,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST_P(OciAgentEndTest, AContainerOutlivesItsAgent) {
  Container container = node_.shell(kWaitsForAMessage);
  container.mounts.push_back(telling_.mount());
  start_by_an_agent_that_is_killed(container);
  ASSERT_EQ(telling_.line(), "ready");
  make_fresh_runtime();
  const State running = node_.state(container);
  EXPECT_EQ(running.status, Status::running);
  std::ofstream(node_.folder / "telling/end").close();
  ASSERT_TRUE(wait_for_end_of(running.pid));
  EXPECT_EQ(node_.exit(container).code, 9);
}

TEST_P(OciAgentEndTest, AnEndWithoutAnAgentIsFoundWithItsCode) {
  Container container = node_.shell("echo $$ > /telling/told; echo last words; exit 7");
  container.mounts.push_back(telling_.mount());
  start_by_an_agent_that_is_killed(container);
  ASSERT_EQ(telling_.line(), "1");
  make_fresh_runtime();
  // It may be ending still; stop waits for that.
  const auto exit = node_.runtime->stop(container, SIGCONT, std::chrono::seconds(20), node_.never);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_EQ(exit->code, 7);
  EXPECT_THAT(node_.log(container), HasSubstr("last words"));
}

TEST_P(OciAgentEndTest, AnEndWithoutAMonitorHasNoCode) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  const pid_t first = node_.state(container).pid;
  const std::string monitor =
      system::read_file(node_.layout.pids() / (container.name.str() + ".monitor")).value();
  ASSERT_EQ(::kill(std::stoi(monitor), SIGKILL), 0);
  ASSERT_TRUE(wait_for_end_of(std::stoi(monitor)));
  EXPECT_EQ(node_.state(container).status, Status::running);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end_of(first));
  const Exit exit = node_.exit(container);
  EXPECT_FALSE(exit.code);
  EXPECT_FALSE(exit.oom);
}

// systemd removes a scope with its last process, before conmon or an agent has read its counters.
TEST_P(OciAgentEndTest, ALackOfMemoryIsKnownWhereTheGroupWasGoneBeforeAnybodyLooked) {
  std::error_code error;
  if (std::filesystem::read_symlink("/proc/self/ns/pid", error) != "pid:[4026531836]") {
    GTEST_SKIP() << "the kernel's log numbers processes as the first pid namespace does";
  }
  Container lacking = node_.shell("exec dd if=/dev/zero of=/dev/null bs=200M count=1");
  lacking.spec.resources.memory_mib = 32;
  ASSERT_EQ(node_.run(lacking).code, 137);
  const Container killed = node_.container({"sleep", "1000"});
  node_.expect_started(killed);
  const pid_t first = node_.state(killed).pid;
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end_of(first));
  for (const Container& container : {lacking, killed}) {
    ASSERT_TRUE(
        remove_cgroup(cgroup_path_of(container.name, node_.options.systemd_cgroup), node_.never));
    std::filesystem::remove(node_.layout.bundle(container.name) / "oom");
  }
  EXPECT_TRUE(node_.exit(lacking).oom);
  EXPECT_TRUE(node_.exit(lacking).oom) << "asked again";
  EXPECT_FALSE(std::filesystem::exists(node_.layout.bundle(lacking.name) / "oom"))
      << "a bundle may be on its way out, and then nothing new can be in it";
  EXPECT_EQ(node_.exit(killed).code, 137);
  EXPECT_FALSE(node_.exit(killed).oom);
}

TEST_P(OciAgentEndTest, AfterARebootItIsStoppedWithTheCodeItHad) {
  const Container ended = node_.shell("exit 3");
  node_.run(ended);
  const Container cut_off = node_.container({"sleep", "1000"});
  node_.expect_started(cut_off);
  ASSERT_TRUE(node_.runtime->stop(cut_off, SIGKILL, std::chrono::seconds(20), node_.never));
  // A reboot ends the monitor before it can write, and empties the run folder.
  std::filesystem::remove(node_.layout.exit_file(cut_off.name));
  for (const Container& container : {ended, cut_off}) {
    ASSERT_TRUE(
        system::run_ok({node_.options.program, "--root", node_.layout.runtime_root(GetParam()),
                        "delete", container.name.str()},
                       node_.never));
  }
  std::filesystem::remove_all(node_.layout.run);
  EXPECT_EQ(node_.exit(ended).code, 3);
  EXPECT_FALSE(node_.exit(cut_off).code);
  const auto started = node_.runtime->start(ended, node_.never);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::conflict);
  Container other = ended;
  other.job = JobId::parse("job-2").value();
  EXPECT_EQ(node_.runtime->state(other, node_.never).error().code, Code::not_found);
  EXPECT_TRUE(node_.runtime->remove(ended, false, node_.never));
  EXPECT_EQ(node_.runtime->state(ended, node_.never).error().code, Code::not_found);
}

TEST_P(OciAgentEndTest, OneWhoseRuntimeLostItsStateIsStillEnded) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  const Path kept = node_.layout.runtime_root(GetParam()) / container.name.str() /
                    (GetParam() == RuntimeKind::runc ? "state.json" : "status");
  ASSERT_TRUE(std::filesystem::exists(kept));
  std::filesystem::resize_file(kept, 0);
  EXPECT_EQ(node_.runtime->state(container, node_.never).error().code, Code::broken);
  const auto found = node_.runtime->inventory(node_.never);
  ASSERT_TRUE(found) << to_text(found.error());
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().state.status, Status::unknown);
  EXPECT_EQ(found->front().job, "job-1");
  EXPECT_FALSE(node_.runtime->remove(container, false, node_.never));
  const auto removed = node_.runtime->remove(container, true, node_.never);
  ASSERT_TRUE(removed) << to_text(removed.error());
  EXPECT_THAT(OciNode::processes_of(container), IsEmpty());
  EXPECT_THAT(OciNode::cgroups_of(container), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.runtime_root(GetParam())));
}

/// A runtime that makes its folder and then creates for ever.
class HangingRuntime {
 public:
  explicit HangingRuntime(OciNode& node, const Path& fifo) : program_(node.folder / "hanging") {
    std::ofstream(program_) << "#!/bin/sh\n"
                            << "case \"$*\" in *' create '*) ;; *) exit 1 ;; esac\n"
                            << "for last; do :; done\n"
                            << "mkdir -p '" << node.layout.runtime_root(node.options.kind).native()
                            << "'/\"$last\"\n"
                            << "echo $$ > '" << fifo.native() << "'\n"
                            << "exec sleep 1000\n";
    std::filesystem::permissions(program_, std::filesystem::perms::owner_all);
    node.options.program = program_;
    node.runtime = std::make_unique<OciRuntime>(node.layout, node.options);
  }

 private:
  Path program_;
};

TEST_P(OciAgentEndTest, ACreateThatIsCancelledLeavesNothing) {
  const HangingRuntime hanging(node_, node_.folder / "telling/told");
  const Container container = node_.container({"true"});
  system::Stop stop;
  pid_t creating = 0;
  std::thread canceller([&] {
    creating = std::stoi(telling_.line());
    stop.request();
  });
  const auto created = node_.runtime->create(container, stop);
  canceller.join();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Code::cancelled) << to_text(created.error());
  EXPECT_TRUE(wait_for_end_of(creating));
  EXPECT_THAT(OciNode::processes_of(container), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.runtime_root(GetParam())));
  EXPECT_FALSE(std::filesystem::exists(node_.layout.bundle(container.name)));
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.pids()));
}

TEST_P(OciAgentEndTest, WhatAnEndedAgentHadBegunToCreateIsTakenAway) {
  const HangingRuntime hanging(node_, node_.folder / "telling/told");
  const Container container = node_.container({"true"});
  const pid_t agent = fork();
  if (agent == 0) {
    (void)node_.runtime->create(container, node_.never).has_value();
    _exit(0);
  }
  const pid_t creating = std::stoi(telling_.line());
  ASSERT_EQ(::kill(agent, SIGKILL), 0);
  ASSERT_EQ(waitpid(agent, nullptr, 0), agent);
  EXPECT_EQ(::kill(creating, 0), 0) << "it goes on without its agent";
  EXPECT_EQ(node_.runtime->create(container, node_.never).error().code, Code::conflict);
  const auto removed = node_.runtime->remove(container, true, node_.never);
  ASSERT_TRUE(removed) << to_text(removed.error());
  EXPECT_TRUE(wait_for_end_of(creating));
  EXPECT_THAT(OciNode::processes_of(container), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.runtime_root(GetParam())));
}

TEST_P(OciAgentEndTest, AProbesCommandDoesNotOutliveItsAgent) {
  Container container = node_.container({"sleep", "1000"});
  container.mounts.push_back(telling_.mount());
  node_.expect_started(container);
  const pid_t agent = fork();
  if (agent == 0) {
    const auto ignore = [](std::string_view) {};
    // It ignores the polite signal. The number is longer than that of any process, which names of
    // containers here have in them.
    (void)node_.runtime
        ->exec(container,
               {{"sh", "-c", "trap '' TERM; echo ready > /telling/told; sleep 998001998 & wait"},
                {},
                "",
                ""},
               ignore, ignore, node_.never)
        .has_value();
    _exit(0);
  }
  ASSERT_EQ(telling_.line(), "ready");
  // The runtime notes its number a moment after it has begun.
  const auto is_noted = [&] {
    for (const auto& file :
         std::filesystem::directory_iterator(node_.layout.bundle(container.name))) {
      const std::string name = file.path().filename();
      if (name.starts_with("exec-") && name.ends_with(".pid") && file.file_size() > 0) {
        return true;
      }
    }
    return false;
  };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!is_noted() && std::chrono::steady_clock::now() < limit) {
    poll(nullptr, 0, 5);
  }
  ASSERT_EQ(::kill(agent, SIGKILL), 0);
  ASSERT_EQ(waitpid(agent, nullptr, 0), agent);
  EXPECT_TRUE(comes_to_run(container, "998001998"));
  make_fresh_runtime();
  node_.runtime->end_left_execs();
  std::vector<std::string> left;
  do {
    left = OciNode::processes_of(container);
    std::erase_if(left, [](const std::string& process) {
      return process.find("998001998") == std::string::npos;
    });
  } while (!left.empty() && std::chrono::steady_clock::now() < limit);
  EXPECT_THAT(left, IsEmpty());
  EXPECT_FALSE(is_noted());
  EXPECT_EQ(node_.state(container).status, Status::running);
}

TEST_P(OciAgentEndTest, AJobsCommandOutlivesItsAgentWithAllThatItPrintsAndItsCode) {
  node_.options.exec_program = DROVER_EXEC;
  make_fresh_runtime();
  Container container = node_.container({"sleep", "1000"});
  container.mounts.push_back(telling_.mount());
  node_.expect_started(container);
  const JobId job = JobId::parse("exec-1").value();
  const pid_t agent = fork();
  if (agent == 0) {
    const std::string script = fmt::format("echo before; {}", kWaitsForAMessage);
    (void)node_.runtime->exec_sessions()
        ->begin(container, job, {{"sh", "-c", script}, {}, "", ""}, node_.never)
        .has_value();
    (void)node_.runtime->exec_sessions()->await(job, node_.never).has_value();
    _exit(0);
  }
  ASSERT_EQ(telling_.line(), "ready");
  ASSERT_EQ(::kill(agent, SIGKILL), 0);
  ASSERT_EQ(waitpid(agent, nullptr, 0), agent);
  make_fresh_runtime();
  node_.runtime->end_left_execs();
  ExecSessions& sessions = *node_.runtime->exec_sessions();
  EXPECT_TRUE(sessions.begun(job).value());
  std::ofstream(node_.folder / "telling/end").close();
  const auto code = sessions.await(job, node_.never);
  ASSERT_TRUE(code) << to_text(code.error());
  EXPECT_EQ(*code, 9);
  EXPECT_THAT(system::read_file(node_.layout.job_log(job)).value(), HasSubstr(" stdout F before"));
  const auto forgotten = sessions.forget(job);
  EXPECT_TRUE(forgotten) << to_text(forgotten.error());
}

TEST_P(OciAgentEndTest, OneWhoseMonitorHasEndedIsEndedAndItsCodeIsNotKnown) {
  node_.options.exec_program = DROVER_EXEC;
  make_fresh_runtime();
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  ExecSessions& sessions = *node_.runtime->exec_sessions();
  const JobId job = JobId::parse("exec-1").value();
  ASSERT_TRUE(sessions.begin(container, job, {{"sleep", "998001998"}, {}, "", ""}, node_.never));
  const Path folder = node_.layout.session(job);
  const pid_t program = std::stoi(system::read_file(folder / "pid").value());
  const std::string status = system::read_file(fmt::format("/proc/{}/stat", program)).value();
  // Field 4 of proc(5): its parent, which is the monitor.
  const pid_t monitor = std::stoi(status.substr(status.rfind(')') + 4));
  ASSERT_THAT(system::read_file(fmt::format("/proc/{}/cmdline", monitor)).value(),
              HasSubstr("drover-exec"));
  ASSERT_EQ(::kill(monitor, SIGKILL), 0);
  EXPECT_EQ(sessions.await(job, node_.never).error().code, Code::broken);
  EXPECT_TRUE(comes_to_run(container, "998001998"));
  ASSERT_TRUE(sessions.end(job, std::chrono::seconds(20)));
  EXPECT_TRUE(wait_for_end_of(program));
  EXPECT_TRUE(sessions.forget(job));
  EXPECT_FALSE(sessions.begun(job).value());
}

TEST_P(OciAgentEndTest, ACancelledStopReturnsAtOnceAndLeavesItRunning) {
  Container container = node_.shell("trap '' TERM; echo ready > /telling/told; sleep 1000");
  container.mounts.push_back(telling_.mount());
  node_.expect_started(container);
  ASSERT_EQ(telling_.line(), "ready");
  system::Stop stop;
  std::thread canceller([&] { stop.request(); });
  const auto exit = node_.runtime->stop(container, SIGTERM, std::chrono::hours(1), stop);
  canceller.join();
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, Code::cancelled);
  EXPECT_EQ(node_.state(container).status, Status::running);
}

}  // namespace
}  // namespace drover::runtimes
