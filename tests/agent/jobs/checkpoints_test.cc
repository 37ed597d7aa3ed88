// container.checkpoint and container.restore, whatever becomes of the job or its agent.
#include <gmock/gmock.h>

#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class CheckpointsTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    runtime_.set_capabilities({.no_checkpoints = ""});
    ASSERT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  }
  json::Object checkpoint(const std::string& id, json::Object options = {}) {
    return job(id, "container.checkpoint", "web-1", std::move(options));
  }
  json::Object restore(const std::string& id) { return job(id, "container.restore", "web-1"); }
  ContainerRow row() { return *journal_->container("web-1").value(); }
};

TEST_F(CheckpointsTest, AContainerIsStoppedByItsCheckpointAndGoesOnByARestore) {
  const JobRow written = run(checkpoint("j2"));
  ASSERT_EQ(written.state, JobState::succeeded) << written.result;
  EXPECT_THAT(written.result, HasSubstr(R"("container":"web-1")"));
  EXPECT_THAT(written.result, HasSubstr(R"("bytes":4096,"left_running":false)"));
  EXPECT_EQ(row().status, Status::stopped);
  EXPECT_EQ(row().wanted, Wanted::stopped) << "no policy starts it anew";
  EXPECT_EQ(row().exit.value_or(Exit()).code, std::nullopt);
  EXPECT_EQ(to_text(row().exit.value_or(Exit())), "checkpointed");
  const int starts = runtime_.starts("web-1");
  const JobRow back = run(restore("j3"));
  ASSERT_EQ(back.state, JobState::succeeded) << back.result;
  EXPECT_EQ(row().status, Status::running);
  EXPECT_EQ(row().wanted, Wanted::running);
  EXPECT_EQ(runtime_.starts("web-1"), starts) << "its program was not begun anew";
  EXPECT_FALSE(runtime_.has_checkpoint("web-1")) << "files go on from here";
  EXPECT_THAT(told("container", "web-1"),
              ElementsAre("creating", "created", "running", "stopping", "stopped", "running"));
}

TEST_F(CheckpointsTest, OneThatIsLeftRunningRunsOnAndCanBePutBackLater) {
  ASSERT_EQ(run(checkpoint("j2", {{"leave_running", true}})).state, JobState::succeeded);
  EXPECT_EQ(row().status, Status::running);
  EXPECT_EQ(row().wanted, Wanted::running);
  const JobRow runs = run(restore("j3"));
  EXPECT_EQ(runs.state, JobState::failed);
  EXPECT_THAT(runs.result, HasSubstr("container.restore web-1: it is running"));
  EXPECT_EQ(row().wanted, Wanted::running);
  ASSERT_EQ(run(job("j4", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(run(restore("j5")).state, JobState::succeeded);
  EXPECT_EQ(row().status, Status::running);
}

TEST_F(CheckpointsTest, WithoutOneNothingIsRestoredAndNothingWished) {
  run(job("j2", "container.stop", "web-1"));
  const JobRow back = run(restore("j3"));
  EXPECT_EQ(back.state, JobState::failed);
  EXPECT_THAT(back.result, HasSubstr("not_found"));
  EXPECT_EQ(row().status, Status::stopped);
  EXPECT_EQ(row().wanted, Wanted::stopped);
}

TEST_F(CheckpointsTest, OneThatFailsLeavesItRunning) {
  runtime_.fail_next("checkpoint", Error{Code::broken, "Error (criu/x.c:1): no", {}});
  const JobRow written = run(checkpoint("j2"));
  EXPECT_EQ(written.state, JobState::failed);
  EXPECT_THAT(written.result, HasSubstr("Error (criu/x.c:1): no"));
  EXPECT_EQ(row().status, Status::running);
  EXPECT_EQ(row().wanted, Wanted::running);
  EXPECT_EQ(runtime_.given_up(), 1);
}

TEST_F(CheckpointsTest, OfOneThatDoesNotRunNothingIsWrittenAndNothingWished) {
  run(job("j2", "container.pause", "web-1"));
  const JobRow written = run(checkpoint("j3"));
  EXPECT_EQ(written.state, JobState::failed);
  EXPECT_THAT(written.result, HasSubstr("it is paused"));
  EXPECT_EQ(row().status, Status::paused);
  EXPECT_EQ(row().wanted, Wanted::running);
}

TEST_F(CheckpointsTest, AnAgentThatEndsInTheMiddleFindsWhatWasWritten) {
  submit_held(checkpoint("j2"), "checkpoint", fakes::FakeRuntime::Hold::after_deed);
  restart_agent();
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(row().status, Status::stopped);
  EXPECT_EQ(row().exit.value_or(Exit()).reason, "checkpoint");
  submit_held(restore("j3"), "restore", fakes::FakeRuntime::Hold::after_deed);
  restart_agent();
  EXPECT_EQ(await("j3").state, JobState::succeeded);
  EXPECT_EQ(row().status, Status::running);
  EXPECT_FALSE(runtime_.has_checkpoint("web-1"));
  EXPECT_EQ(runtime_.given_up(), 0);
}

TEST_F(CheckpointsTest, AnAgentThatEndsBeforeDoesItOnce) {
  submit_held(checkpoint("j2"), "checkpoint", fakes::FakeRuntime::Hold::before_deed);
  restart_agent();
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(runtime_.given_up(), 1) << "what the first try has left is taken away";
  submit_held(restore("j3"), "restore", fakes::FakeRuntime::Hold::before_deed);
  restart_agent();
  EXPECT_EQ(await("j3").state, JobState::succeeded);
  EXPECT_EQ(row().status, Status::running);
}

TEST_F(CheckpointsTest, NoCancelBreaksOneOff) {
  submit_paused(checkpoint("j2"), "checkpoint", fakes::FakeRuntime::Hold::before_deed);
  submit(job("no-2", "job.cancel", "j2"));
  runtime_.let_go();
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(row().status, Status::stopped);
  EXPECT_EQ(row().wanted, Wanted::stopped);
  submit_paused(restore("j3"), "restore", fakes::FakeRuntime::Hold::before_deed);
  submit(job("no-3", "job.cancel", "j3"));
  runtime_.let_go();
  await("j3");
  EXPECT_EQ(row().status, Status::running);
  EXPECT_EQ(row().wanted, Wanted::running);
  EXPECT_FALSE(runtime_.has_checkpoint("web-1"));
}

TEST_F(CheckpointsTest, WhatTheNodeLacksIsRefusedBeforeItIsAccepted) {
  runtime_.refuse_checkpoints("there is no criu: apt install criu");
  for (const char* verb : {"container.checkpoint", "container.restore"}) {
    const Answer answer = submit(job(verb, verb, "web-1"));
    EXPECT_EQ(answer.kind, "error");
    EXPECT_THAT(json::write(answer.body), HasSubstr("\"refused\""));
    EXPECT_THAT(json::write(answer.body),
                HasSubstr(std::string(verb) + " web-1: there is no criu: apt install criu"));
    EXPECT_FALSE(journal_->job(verb).value());
  }
}

}  // namespace
}  // namespace drover::jobs
