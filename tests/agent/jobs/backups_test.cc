// container.backup.
#include <gmock/gmock.h>

#include "node_fixture.h"

namespace drover::jobs {
namespace {

using fakes::FakeRuntime;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class BackupsTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    runtime_.set_capabilities({.restartable = true, .no_backups = ""});
  }
  json::Object backup(const std::string& id, json::Object more = {}) {
    more.set("storage", "nas");
    return job(id, "container.backup", "web-1", std::move(more));
  }
  Status status() { return journal_->container("web-1").value()->status; }
};

TEST_F(BackupsTest, OneIsMadeAndNamedInResultAndEvent) {
  run(run_job("j1", "web-1"));
  const JobRow row = run(backup("j2"));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("nas:backup/web-1.snapshot.zstd"));
  EXPECT_EQ(published_.back().kind, "job");
  EXPECT_THAT(told("container", "web-1"), Contains("backed_up"));
  EXPECT_EQ(status(), Status::running);
}

TEST_F(BackupsTest, ARuntimeThatMakesNoneRefusesBeforeTheJobIsAccepted) {
  runtime_.set_capabilities({.no_backups = "it is only a fake"});
  run(run_job("j1", "web-1"));
  const Answer answer = submit(backup("j2"));
  EXPECT_THAT(json::write(answer.body), HasSubstr("\"refused\""));
  EXPECT_THAT(json::write(answer.body), HasSubstr("makes no backups: it is only a fake"));
  EXPECT_FALSE(journal_->job("j2").value());
}

TEST_F(BackupsTest, InModeStopItsEndAndItsStartAreToldAndItIsWantedRunning) {
  run(run_job("j1", "web-1"));
  published_.clear();
  EXPECT_EQ(run(backup("j2", {{"mode", "stop"}})).state, JobState::succeeded);
  EXPECT_THAT(told("container", "web-1"),
              ElementsAre("stopping", "stopped", "running", "backed_up"));
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::running);
}

TEST_F(BackupsTest, OneThatFailsInModeStopLeavesTheContainerAsItIs) {
  run(run_job("j1", "web-1"));
  runtime_.fail_next("make_backup", Error{Code::broken, "job errors", {}});
  EXPECT_EQ(run(backup("j2", {{"mode", "stop"}})).state, JobState::failed);
  EXPECT_EQ(status(), Status::running);
  EXPECT_THAT(runtime_.backups_by(), IsEmpty());
}

TEST_F(BackupsTest, ACancelledOneIsDeletedAgain) {
  run(run_job("j1", "web-1"));
  submit_held(backup("j2"), "make_backup", FakeRuntime::Hold::after_deed);
  ASSERT_THAT(runtime_.backups_by(), ElementsAre("j2"));
  submit(job("j3", "job.cancel", "j2"));
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_THAT(runtime_.backups_by(), IsEmpty());
  EXPECT_THAT(told("job", "j2"), Contains("step_undone"));
  EXPECT_THAT(told("container", "web-1"), Not(Contains("backed_up")));
}

TEST_F(BackupsTest, ACancelledOneInModeStopStartsWhatProxmoxHasLeftStopped) {
  run(run_job("j1", "web-1"));
  submit_held(backup("j2", {{"mode", "stop"}}), "make_backup", FakeRuntime::Hold::after_deed);
  runtime_.end("web-1", 0);
  published_.clear();
  submit(job("j3", "job.cancel", "j2"));
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  EXPECT_THAT(told("container", "web-1"), ElementsAre("running"));
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::running);
}

TEST_F(BackupsTest, ACancelledOneInModeStopIsNotStartedTwice) {
  run(run_job("j1", "web-1"));
  submit_held(backup("j2", {{"mode", "stop"}}), "make_backup", FakeRuntime::Hold::after_deed);
  submit(job("j3", "job.cancel", "j2"));
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(BackupsTest, OneWhoseAgentEndedIsTakenOverByTheNext) {
  run(run_job("j1", "web-1"));
  submit_held(backup("j2"), "make_backup", FakeRuntime::Hold::after_deed);
  restart_agent();
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_THAT(runtime_.backups_by(), ElementsAre("j2"));
}

// More than the threads there are for jobs that wait: all other jobs of the node stood still.
TEST_F(BackupsTest, FiftyThatWaitForOneKeepNobodyElseWaiting) {
  run(run_job("r0", "web-1"));
  constexpr int kMany = 50;
  for (int number = 2; number < kMany + 2; ++number) {
    run(run_job(fmt::format("r{}", number), fmt::format("web-{}", number)));
  }
  submit_paused(backup("b1"), "make_backup", FakeRuntime::Hold::after_deed);
  for (int number = 2; number < kMany + 2; ++number) {
    submit(job(fmt::format("b{}", number), "container.backup", fmt::format("web-{}", number),
               {{"storage", "nas"}}));
  }
  EXPECT_EQ(run(run_job("j1", "other")).state, JobState::succeeded);
  EXPECT_EQ(supervisor_->waits_for("b2")->thing, "backups of the node");
  EXPECT_EQ(supervisor_->waits_for("b2")->before, 0U);
  EXPECT_EQ(supervisor_->waits_for("b5")->before, 3U);
  submit(job("c1", "job.cancel", "b3"));
  EXPECT_EQ(await("b3").state, JobState::cancelled);
  runtime_.let_go();
  for (int number = 1; number < kMany + 2; ++number) {
    EXPECT_EQ(await(fmt::format("b{}", number)).state,
              number == 3 ? JobState::cancelled : JobState::succeeded);
  }
}

}  // namespace
}  // namespace drover::jobs
