// The verbs of runc and crun, on real containers.
#include "runtimes/oci/oci_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci_node.h"

namespace drover::runtimes {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

class OciRuntimeTest : public testing::TestWithParam<RuntimeKind> {
 protected:
  void expect_conflict(const Result<>& result, const std::string& words) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::conflict) << to_text(result.error());
    EXPECT_THAT(result.error().message, HasSubstr(words));
  }

  OciNode node_{GetParam()};
  OciRuntime& runtime_ = *node_.runtime;
  Telling telling_{node_.folder / "telling"};
  const Stop& never_ = node_.never;
};

INSTANTIATE_TEST_SUITE_P(Kinds, OciRuntimeTest,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST_P(OciRuntimeTest, RuntimeInit) {
  EXPECT_EQ(runtime_.kind(), GetParam());
  EXPECT_FALSE(runtime_.capabilities().restartable);
  EXPECT_TRUE(runtime_.keeps_output());
  const auto found = runtime_.inventory(never_);
  ASSERT_TRUE(found) << to_text(found.error());
  EXPECT_THAT(*found, IsEmpty());
}

TEST_P(OciRuntimeTest, RuntimeCreate) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_created(container);
  const State state = node_.state(container);
  EXPECT_EQ(state.status, Status::created);
  EXPECT_GT(state.pid, 0);
  EXPECT_FALSE(state.exit);
  const auto again = runtime_.create(container, never_);
  expect_conflict(again, container.name.str());
  EXPECT_EQ(node_.state(container).pid, state.pid);
}

TEST_P(OciRuntimeTest, RuntimeStart) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  EXPECT_EQ(node_.state(container).status, Status::running);
  expect_conflict(runtime_.start(container, never_), "it is running");
}

TEST_P(OciRuntimeTest, RuntimeKill) {
  Container container = node_.shell(
      "trap 'echo HUP > /telling/told' HUP; echo ready > /telling/told;"
      "while true; do sleep 1000 & wait; done");
  container.mounts.push_back(telling_.mount());
  node_.expect_started(container);
  ASSERT_EQ(telling_.line(), "ready");
  ASSERT_TRUE(runtime_.kill(container, SIGHUP, never_));
  EXPECT_EQ(telling_.line(), "HUP");
  const pid_t first = node_.state(container).pid;
  ASSERT_TRUE(runtime_.kill(container, SIGKILL, never_));
  ASSERT_TRUE(wait_for_end_of(first));
  EXPECT_EQ(node_.exit(container).code, 137);
  expect_conflict(runtime_.kill(container, SIGTERM, never_), "it is stopped");
  EXPECT_EQ(runtime_.kill(container, 0, never_).error().code, Code::invalid);
  EXPECT_EQ(runtime_.kill(container, 65, never_).error().code, Code::invalid);
}

TEST_P(OciRuntimeTest, RuntimeDelete) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  expect_conflict(runtime_.remove(container, false, never_), "it is running");
  EXPECT_EQ(node_.state(container).status, Status::running);
  const auto removed = runtime_.remove(container, true, never_);
  ASSERT_TRUE(removed) << to_text(removed.error());
  EXPECT_EQ(runtime_.state(container, never_).error().code, Code::not_found);
  EXPECT_THAT(OciNode::processes_of(container), IsEmpty());
  EXPECT_THAT(OciNode::cgroups_of(container), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(node_.layout.bundle(container.name)));
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.runtime_root(GetParam())));
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.pids()));
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.exits()));
  EXPECT_TRUE(runtime_.remove(container, false, never_)) << "absent is success";
  EXPECT_TRUE(runtime_.remove(container, true, never_)) << "absent is success";
}

TEST_P(OciRuntimeTest, OneThatWasNeverStartedIsDeletedWithoutForce) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_created(container);
  const auto removed = runtime_.remove(container, false, never_);
  ASSERT_TRUE(removed) << to_text(removed.error());
  EXPECT_THAT(OciNode::processes_of(container), IsEmpty());
  EXPECT_THAT(OciNode::cgroups_of(container), IsEmpty());
}

TEST_P(OciRuntimeTest, APausedOneIsDeletedByForce) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  ASSERT_TRUE(runtime_.pause(container, never_));
  expect_conflict(runtime_.remove(container, false, never_), "it is paused");
  const auto removed = runtime_.remove(container, true, never_);
  ASSERT_TRUE(removed) << to_text(removed.error());
  EXPECT_THAT(OciNode::processes_of(container), IsEmpty());
  EXPECT_THAT(OciNode::cgroups_of(container), IsEmpty());
}

TEST_P(OciRuntimeTest, ExitCodesAreTrue) {
  EXPECT_EQ(node_.run(node_.shell("exit 0")).code, 0);
  const Exit seven = node_.run(node_.shell("exit 7"));
  EXPECT_EQ(seven.code, 7);
  EXPECT_FALSE(seven.oom);
  EXPECT_GT(seven.at_unix_ms, 1'700'000'000'000);
  EXPECT_EQ(node_.run(node_.shell("exit 255")).code, 255);
}

TEST_P(OciRuntimeTest, AStoppedOneIsNotStartedAgain) {
  const Container container = node_.shell("exit 0");
  node_.run(container);
  expect_conflict(runtime_.start(container, never_), "it is stopped");
  expect_conflict(runtime_.create(container, never_), container.name.str());
  ASSERT_TRUE(runtime_.remove(container, false, never_));
  EXPECT_EQ(node_.run(container).code, 0) << "a deleted one can be created again";
}

TEST_P(OciRuntimeTest, StopWithinItsGrace) {
  Container container = node_.shell(
      "trap 'exit 3' TERM; echo ready > /telling/told; while true; do sleep 1000 & wait; done");
  container.mounts.push_back(telling_.mount());
  node_.expect_started(container);
  ASSERT_EQ(telling_.line(), "ready");
  const auto exit = runtime_.stop(container, SIGTERM, std::chrono::seconds(30), never_);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_EQ(exit->code, 3);
  EXPECT_EQ(node_.state(container).status, Status::stopped);
  const auto again = runtime_.stop(container, SIGTERM, std::chrono::seconds(30), never_);
  ASSERT_TRUE(again) << to_text(again.error());
  EXPECT_EQ(*again, *exit);
}

TEST_P(OciRuntimeTest, StopOfOneThatIgnoresItsSignal) {
  Container container = node_.shell("trap '' TERM; echo ready > /telling/told; sleep 1000");
  container.mounts.push_back(telling_.mount());
  node_.expect_started(container);
  ASSERT_EQ(telling_.line(), "ready");
  const auto began = std::chrono::steady_clock::now();
  const auto exit = runtime_.stop(container, SIGTERM, std::chrono::milliseconds(300), never_);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_EQ(exit->code, 137);
  EXPECT_FALSE(exit->oom);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(300));
}

TEST_P(OciRuntimeTest, StopOfAPausedOne) {
  Container container = node_.shell(
      "trap 'exit 4' TERM; echo ready > /telling/told; while true; do sleep 1000 & wait; done");
  container.mounts.push_back(telling_.mount());
  node_.expect_started(container);
  ASSERT_EQ(telling_.line(), "ready");
  const Result<> paused = runtime_.pause(container, never_);
  ASSERT_TRUE(paused) << to_text(paused.error());
  const auto exit = runtime_.stop(container, SIGTERM, std::chrono::seconds(30), never_);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_EQ(exit->code, 4);
}

TEST_P(OciRuntimeTest, StopOfOneThatWasNeverStarted) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_created(container);
  const auto exit = runtime_.stop(container, SIGTERM, std::chrono::seconds(30), never_);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_EQ(exit->code, 137);
}

TEST_P(OciRuntimeTest, AFreezeThatABusyMachineGaveUpIsTriedAgain) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  OciOptions options = node_.options;
  options.program = node_.folder / "busy";
  // As runc does it, and crun.
  for (const char* pause :
       {R"(echo '{"level":"error","msg":"unable to freeze"}' >&2; exit 1)", "exit 0"}) {
    std::ofstream(options.program)
        << "#!/bin/sh\ncase \"$*\" in *' pause '*) " << pause << " ;; esac\nexec "
        << node_.options.program.native() << " \"$@\"\n";
    std::filesystem::permissions(options.program, std::filesystem::perms::owner_all);
    const auto paused = OciRuntime(node_.layout, options).pause(container, never_);
    ASSERT_FALSE(paused);
    EXPECT_EQ(paused.error().code, Code::unavailable) << to_text(paused.error());
    EXPECT_THAT(paused.error().message, AnyOf(HasSubstr("freeze"), HasSubstr("frozen")));
  }
}

TEST_P(OciRuntimeTest, PauseAndResume) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_created(container);
  expect_conflict(runtime_.pause(container, never_), "it is created");
  expect_conflict(runtime_.resume(container, never_), "it is created");
  ASSERT_TRUE(runtime_.start(container, never_));
  expect_conflict(runtime_.resume(container, never_), "it is running");
  const auto paused = runtime_.pause(container, never_);
  ASSERT_TRUE(paused) << to_text(paused.error());
  EXPECT_EQ(node_.state(container).status, Status::paused);
  expect_conflict(runtime_.pause(container, never_), "it is paused");
  expect_conflict(runtime_.start(container, never_), "it is paused");
  const auto resumed = runtime_.resume(container, never_);
  ASSERT_TRUE(resumed) << to_text(resumed.error());
  EXPECT_EQ(node_.state(container).status, Status::running);
  ASSERT_TRUE(runtime_.stop(container, SIGKILL, std::chrono::seconds(30), never_));
  expect_conflict(runtime_.pause(container, never_), "it is stopped");
  expect_conflict(runtime_.resume(container, never_), "it is stopped");
}

TEST_P(OciRuntimeTest, KillOfAPausedOneEndsIt) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  const pid_t first = node_.state(container).pid;
  ASSERT_TRUE(runtime_.pause(container, never_));
  ASSERT_TRUE(runtime_.kill(container, SIGKILL, never_));
  ASSERT_TRUE(wait_for_end_of(first));
  EXPECT_EQ(node_.exit(container).code, 137);
}

TEST_P(OciRuntimeTest, EveryVerbOfAMissingOneIsNotFound) {
  const Container container = node_.container({"true"});
  EXPECT_EQ(runtime_.start(container, never_).error().code, Code::not_found);
  EXPECT_EQ(runtime_.kill(container, SIGTERM, never_).error().code, Code::not_found);
  EXPECT_EQ(runtime_.stop(container, SIGTERM, std::chrono::milliseconds(1), never_).error().code,
            Code::not_found);
  EXPECT_EQ(runtime_.pause(container, never_).error().code, Code::not_found);
  EXPECT_EQ(runtime_.resume(container, never_).error().code, Code::not_found);
  EXPECT_EQ(runtime_.state(container, never_).error().code, Code::not_found);
  EXPECT_EQ(runtime_.exec(container, {{"true"}, {}, "", ""}, {}, {}, never_).error().code,
            Code::not_found);
}

TEST_P(OciRuntimeTest, TheInventoryNamesTheJobOfOurs) {
  const Container running = node_.container({"sleep", "1000"});
  node_.expect_started(running);
  const Container ended = node_.shell("exit 5");
  node_.run(ended);
  const auto found = runtime_.inventory(never_);
  ASSERT_TRUE(found) << to_text(found.error());
  ASSERT_EQ(found->size(), 2U);
  for (const Found& one : *found) {
    EXPECT_EQ(one.job, "job-1");
    if (one.name == running.name.str()) {
      EXPECT_EQ(one.state.status, Status::running);
      EXPECT_GT(one.state.pid, 0);
    } else {
      EXPECT_EQ(one.name, ended.name.str());
      EXPECT_EQ(one.state.status, Status::stopped);
      EXPECT_EQ(one.state.exit.value_or(Exit()).code, 5);
    }
  }
}

TEST_P(OciRuntimeTest, TheInventoryKnowsTheJobAlsoWhenTheBundleIsLost) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  std::filesystem::remove_all(node_.layout.bundle(container.name));
  const auto found = runtime_.inventory(never_);
  ASSERT_TRUE(found) << to_text(found.error());
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().job, "job-1");
  const auto removed = runtime_.remove(container, true, never_);
  EXPECT_TRUE(removed) << removed.error().message;
}

TEST_P(OciRuntimeTest, TheLogHoldsBothStreams) {
  const Container container = node_.shell("echo out; echo err >&2; printf unfinished");
  EXPECT_EQ(node_.run(container).code, 0);
  const std::string log = node_.log(container);
  EXPECT_THAT(log, HasSubstr(" stdout F out\n"));
  EXPECT_THAT(log, HasSubstr(" stderr F err\n"));
  EXPECT_THAT(log, HasSubstr(" stdout P unfinished"));
}

}  // namespace
}  // namespace drover::runtimes
