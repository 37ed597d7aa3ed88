// Jobs that are cancelled in the middle, or cut off by their agent's end.
#include <gmock/gmock.h>

#include "agent/jobs/verbs/verbs.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

class CutOffTest : public NodeFixture {};

/// The journal as a crash leaves it between a step's deed and its result, and all later steps
/// undone.
void cut_off_at(Journal& journal, const std::string& job, const std::string& step,
                Status container) {
  bool later = false;
  const std::vector<StepRow> rows = journal.steps(job).value();
  for (StepRow row : rows) {
    if (row.name == step) {
      row.state = StepState::intent;
      row.data = "null";
      ASSERT_TRUE(journal.put_step(row));
      later = true;
    } else {
      ASSERT_FALSE(later) << "only the last step can be cut off: " << row.name;
    }
  }
  ContainerRow row = *journal.container("web-1").value();
  row.status = container;
  ASSERT_TRUE(journal.put_container(row));
  ASSERT_TRUE(journal.set_job(job, JobState::running, "null", 0));
  ASSERT_TRUE(journal.begin_job(job));
  ASSERT_TRUE(journal.commit());
}

TEST_F(CutOffTest, ADeletionThatTakesThingsAwayIsNotCancelledAnyMore) {
  ASSERT_EQ(run(with_volume(run_job("j1", "web-1"))).state, JobState::succeeded);
  const int held = runtime_.held();
  runtime_.pause_next("remove", fakes::FakeRuntime::Hold::before_deed);
  submit(job("j2", "container.delete", "web-1", {{"force", true}}));
  while (runtime_.held() == held) {
    loop_->turn(std::chrono::milliseconds(10));
  }
  const JobRow cancel = run(job("j3", "job.cancel", "j2"));
  EXPECT_EQ(cancel.state, JobState::failed);
  EXPECT_THAT(cancel.result, HasSubstr("it deletes container web-1"));
  runtime_.let_go();
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(CutOffTest, ADeletionThatIsCancelledBeforeTakesNothingAway) {
  ASSERT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  submit_held(job("j2", "container.delete", "web-1"), "state",
              fakes::FakeRuntime::Hold::before_deed);
  EXPECT_EQ(run(job("j3", "job.cancel", "j2")).state, JobState::succeeded);
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::running);
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::running);
}

TEST_F(CutOffTest, AStopOrRestartThatIsCancelledLeavesTheProgramWantedAsItWas) {
  run(run_job("j1", "web-1"));
  for (const char* verb : {"stop", "restart"}) {
    submit_held(job(verb, std::string("container.") + verb, "web-1"), "stop",
                fakes::FakeRuntime::Hold::before_deed);
    submit(job(std::string("no-") + verb, "job.cancel", verb));
    EXPECT_EQ(await(verb).state, JobState::cancelled);
    const ContainerRow row = *journal_->container("web-1").value();
    EXPECT_EQ(row.status, Status::running) << verb;
    EXPECT_EQ(row.wanted, Wanted::running) << verb;
  }
}

TEST_F(CutOffTest, AStartThatFailsOrIsCancelledWishesNothing) {
  run(run_job("j1", "web-1"));
  run(job("j2", "container.stop", "web-1"));
  runtime_.fail_next("start", Error{Code::broken, "no such program", {}});
  EXPECT_EQ(run(job("j3", "container.start", "web-1")).state, JobState::failed);
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::stopped);

  submit_held(job("j4", "container.start", "web-1"), "start",
              fakes::FakeRuntime::Hold::before_deed);
  submit(job("j5", "job.cancel", "j4"));
  EXPECT_EQ(await("j4").state, JobState::cancelled);
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::stopped);

  EXPECT_EQ(run(job("j6", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::running);
}

TEST_F(CutOffTest, AStartThatIsCancelledLeavesNoProgram) {
  run(run_job("j1", "web-1"));
  run(job("j2", "container.stop", "web-1"));
  // It has started it already, and does not know so: as when the agent ends there.
  submit_held(job("j3", "container.start", "web-1"), "start", fakes::FakeRuntime::Hold::after_deed);
  submit(job("j4", "job.cancel", "j3"));
  EXPECT_EQ(await("j3").state, JobState::cancelled);
  const ContainerRow row = *journal_->container("web-1").value();
  EXPECT_EQ(row.status, Status::stopped);
  EXPECT_EQ(row.wanted, Wanted::stopped);
  EXPECT_EQ(run(job("j5", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
}

TEST_F(CutOffTest, AnInterruptedRunIsGoneOnWithByTheNextAgentAndItsProgramNotStartedTwice) {
  run(with_volume(run_job("j1", "web-1")));
  cut_off_at(*journal_, "j1", "runtime.start", Status::created);
  restart_agent();
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::running);
}

TEST_F(CutOffTest, AnInterruptedCreateIsDoneAnew) {
  json::Object request = with_volume(run_job("j1", "web-1"));
  request.set("verb", "container.create");
  run(request);
  cut_off_at(*journal_, "j1", "runtime.create", Status::creating);
  restart_agent();
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  EXPECT_TRUE(runtime_.has("web-1"));
  EXPECT_EQ(run(job("j2", "container.start", "web-1")).state, JobState::succeeded);
}

TEST_F(CutOffTest, ARunThatHadComeToItsEndBeforeTheCrashHasSucceeded) {
  run(run_job("j1", "web-1"));
  ASSERT_TRUE(journal_->set_job("j1", JobState::running, "null", 0));
  ASSERT_TRUE(journal_->commit());
  restart_agent();
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  EXPECT_TRUE(runtime_.has("web-1"));
}

TEST_F(CutOffTest, AnInterruptedKillIsNotSentTwice) {
  run(run_job("j1", "web-1"));
  submit(job("j2", "container.kill", "web-1", {{"signal", "USR1"}}));
  await("j2");
  StepRow sent = std::vector<StepRow>(journal_->steps("j2").value()).back();
  sent.state = StepState::intent;
  ASSERT_TRUE(journal_->put_step(sent));
  ASSERT_TRUE(journal_->set_job("j2", JobState::running, "null", 0));
  ASSERT_TRUE(journal_->commit());
  restart_agent();
  EXPECT_THAT(await("j2").result, HasSubstr("not known"));
}

TEST_F(CutOffTest, WhatRunsInsideGoesOnWithoutTheAgentAndIsNotRunAgain) {
  run(run_job("j1", "web-1"));
  int begun = 0;
  // Cut off while it was begun, and while it was awaited.
  for (const auto& [verb, where] : {std::pair("exec", fakes::FakeRuntime::Hold::after_deed),
                                    std::pair("await", fakes::FakeRuntime::Hold::before_deed)}) {
    const std::string id = fmt::format("cut-{}", verb);
    submit_held(job(id, "container.exec", "web-1", {{"command", json::Array{"id"}}}), verb, where);
    EXPECT_EQ(runtime_.sessions_begun(), ++begun);
    restart_agent();
    const JobRow ended = await(id);
    EXPECT_EQ(ended.state, JobState::succeeded) << ended.result;
    EXPECT_EQ(ended.result, R"({"code":3})");
    EXPECT_EQ(ended.attempt, 1);
    EXPECT_EQ(runtime_.sessions_begun(), begun);
    EXPECT_THAT(runtime_.sessions(), testing::IsEmpty());
    EXPECT_THAT(system::read_file(layout_.job_log(*JobId::parse(id))).value(),
                HasSubstr(" stdout F ran id\n"));
  }
}

TEST_F(CutOffTest, HowAnExecEndedThatEndedWithTheMachineIsNotKnown) {
  run(run_job("j1", "web-1"));
  submit_held(job("j2", "container.exec", "web-1", {{"command", json::Array{"id"}}}), "await",
              fakes::FakeRuntime::Hold::before_deed);
  runtime_.lose_session("j2");
  restart_agent();
  const JobRow ended = await("j2");
  EXPECT_THAT(ended.result, HasSubstr("\"broken\""));
  EXPECT_THAT(ended.result, HasSubstr("before you run it again"));
  EXPECT_EQ(runtime_.sessions_begun(), 1);
  EXPECT_THAT(runtime_.sessions(), testing::IsEmpty());
}

}  // namespace
}  // namespace drover::jobs
