// container.snapshot, container.rollback and container.snapshot-delete.
#include <gmock/gmock.h>

#include "agent/jobs/container_record.h"
#include "agent/jobs/queries/views.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using fakes::FakeRuntime;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

class SnapshotsTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    runtime_.set_capabilities({.restartable = true, .no_snapshots = ""});
  }
  json::Object with_snapshot(const std::string& id, const std::string& verb,
                             const std::string& snapshot) {
    return job(id, verb, "web-1", {{"snapshot", snapshot}});
  }
  JobRow take(const std::string& id, const std::string& snapshot) {
    return run(with_snapshot(id, "container.snapshot", snapshot));
  }
  json::Object rollback(const std::string& id, const std::string& snapshot) {
    return with_snapshot(id, "container.rollback", snapshot);
  }
  ContainerRecord record() {
    return container_record_from(journal_->container("web-1").value()->container).value();
  }
  std::vector<std::string> recorded() {
    std::vector<std::string> names;
    for (const runtimes::Snapshot& snapshot : record().snapshots) {
      names.push_back(snapshot.name);
    }
    return names;
  }
  Status status() { return journal_->container("web-1").value()->status; }
};

TEST_F(SnapshotsTest, AreTakenToldWrittenDownAndDeleted) {
  run(run_job("j1", "web-1"));
  EXPECT_EQ(take("j2", "before").state, JobState::succeeded);
  const JobRow second = take("j3", "After_2");
  EXPECT_EQ(second.state, JobState::succeeded) << second.result;
  EXPECT_THAT(second.result, HasSubstr("After_2"));
  EXPECT_EQ(record().snapshots, runtime_.snapshots_of("web-1"));
  EXPECT_THAT(recorded(), ElementsAre("before", "After_2"));
  const json::Value view(
      container_view(*journal_->container("web-1").value(), layout_, false).value());
  EXPECT_EQ(view.at("snapshots").array()->at(1).at("parent").string_or(""), "before");

  EXPECT_EQ(run(with_snapshot("j4", "container.snapshot-delete", "before")).state,
            JobState::succeeded);
  EXPECT_THAT(recorded(), ElementsAre("After_2"));
  EXPECT_THAT(told("container", "web-1"), IsSupersetOf({"snapshot_taken", "snapshot_deleted"}));
}

TEST_F(SnapshotsTest, ARuntimeThatKeepsNoneRefusesBeforeTheJobIsAccepted) {
  runtime_.set_capabilities({.no_snapshots = "it is only a fake"});
  run(run_job("j1", "web-1"));
  for (const char* verb :
       {"container.snapshot", "container.rollback", "container.snapshot-delete"}) {
    const Answer answer = submit(with_snapshot(verb, verb, "one"));
    EXPECT_THAT(json::write(answer.body), HasSubstr("\"refused\""));
    EXPECT_THAT(json::write(answer.body), HasSubstr("it is only a fake"));
    EXPECT_FALSE(journal_->job(verb).value());
  }
}

TEST_F(SnapshotsTest, ANameThatIsTakenIsAConflictAndTheSnapshotStays) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  const JobRow row = take("j3", "one");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("conflict"));
  EXPECT_EQ(runtime_.snapshots_of("web-1").size(), 1U);
}

TEST_F(SnapshotsTest, ACancelledOneIsDeletedAgain) {
  run(run_job("j1", "web-1"));
  submit_held(with_snapshot("j2", "container.snapshot", "one"), "take_snapshot",
              FakeRuntime::Hold::after_deed);
  submit(job("j3", "job.cancel", "j2"));
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_TRUE(runtime_.snapshots_of("web-1").empty());
  EXPECT_TRUE(recorded().empty());
  EXPECT_THAT(told("job", "j2"), Contains("step_undone"));
  EXPECT_THAT(told("container", "web-1"), Not(Contains("snapshot_taken")));
}

TEST_F(SnapshotsTest, OneWhoseAgentEndedIsTakenOverByTheNext) {
  run(run_job("j1", "web-1"));
  submit_held(with_snapshot("j2", "container.snapshot", "one"), "take_snapshot",
              FakeRuntime::Hold::after_deed);
  restart_agent();
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(runtime_.snapshots_of("web-1").size(), 1U);
  EXPECT_THAT(recorded(), ElementsAre("one"));
}

TEST_F(SnapshotsTest, ARollbackOfWhatRunsEndsItTellsHowAndStartsItAgain) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  run(job("j3", "container.update", "web-1",
          {{"resources", json::Object{{"memory_mib", std::int64_t{64}}}}}));
  published_.clear();
  const JobRow row = run(rollback("j4", "one"));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"code\":137"));
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  EXPECT_EQ(record().container.spec.resources, Resources{}) << "they are those of then";
  EXPECT_THAT(told("container", "web-1"),
              ElementsAre("stopping", "stopped", "rolled_back", "updated", "running"));
}

TEST_F(SnapshotsTest, ARollbackOfWhatIsStoppedLeavesItSo) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  run(job("j3", "container.stop", "web-1"));
  published_.clear();
  EXPECT_EQ(run(rollback("j4", "one")).state, JobState::succeeded);
  EXPECT_EQ(status(), Status::stopped);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
  EXPECT_THAT(told("container", "web-1"), ElementsAre("rolled_back"));
}

TEST_F(SnapshotsTest, ARollbackOfWhatIsStoppedIsDoneAlsoAfterAReboot) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  run(job("j3", "container.stop", "web-1"));
  runtime_.forget("web-1");
  const JobRow row = run(rollback("j4", "one"));
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(status(), Status::stopped);
  EXPECT_TRUE(record().snapshots.front().newest);
}

TEST_F(SnapshotsTest, ARollbackToWhatIsNotThereEndsNothingAndNamesWhatIs) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  const JobRow row = run(rollback("j3", "two"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("no snapshot two; it has one"));
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(SnapshotsTest, ARollbackThatFailsLeavesTheContainerRunning) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  runtime_.fail_next("roll_back", Error{Code::conflict, "'one' is not most recent", {}});
  const JobRow row = run(rollback("j3", "one"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("not most recent"));
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(SnapshotsTest, ARollbackThatIsCancelledComesToItsEndAndTheContainerRunsAgain) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  submit_paused(rollback("j3", "one"), "roll_back", FakeRuntime::Hold::after_deed);
  submit(job("j4", "job.cancel", "j3"));
  runtime_.let_go();
  EXPECT_EQ(await("j3").state, JobState::cancelled);
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
}

TEST_F(SnapshotsTest, ARollbackWhoseAgentEndedIsDoneAndTheContainerRunsAgain) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  submit_held(rollback("j3", "one"), "roll_back", FakeRuntime::Hold::after_deed);
  restart_agent();
  const JobRow row = await("j3");
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
}

TEST_F(SnapshotsTest, ARollbackThatIsTakenBackStartsTheProgramBeforeItLooksForSnapshots) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  submit_paused(rollback("j3", "one"), "roll_back", FakeRuntime::Hold::after_deed);
  runtime_.fail_next("list_snapshots", Error{Code::unavailable, "500 timeout", {}});
  submit(job("j4", "job.cancel", "j3"));
  runtime_.let_go();
  await("j3");
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
}

TEST_F(SnapshotsTest, ARollbackThatIsTriedAgainTellsOnceThatItWasDone) {
  run(run_job("j1", "web-1"));
  take("j2", "one");
  published_.clear();
  runtime_.fail_next("start", Error{Code::unavailable, "500 timeout", {}});
  json::Object request = rollback("j3", "one");
  request.set("attempts", std::int64_t{2});
  submit(request);
  while (journal_->job("j3").value()->attempt < 2) {
    clock_.advance(std::chrono::seconds(1));
    loop_->turn(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(await("j3").state, JobState::succeeded);
  const std::vector<std::string> all = told("container", "web-1");
  EXPECT_EQ(std::count(all.begin(), all.end(), "rolled_back"), 1);
}

TEST_F(SnapshotsTest, OneThatWasToldOfAndIsTakenBackAfterACrashIsToldToBeGone) {
  run(run_job("j1", "web-1"));
  ASSERT_EQ(take("j2", "one").state, JobState::succeeded);
  // As a kill -9 leaves it before the step's end is written, and with it a cancel.
  StepRow step = std::vector<StepRow>(journal_->steps("j2").value()).back();
  step.state = StepState::intent;
  ASSERT_TRUE(journal_->put_step(step));
  ASSERT_TRUE(journal_->set_job("j2", JobState::running, "null", 0));
  ASSERT_TRUE(journal_->begin_job("j2"));
  ASSERT_TRUE(journal_->ask_to_end("j2", "cancelled"));
  ASSERT_TRUE(journal_->commit());
  restart_agent();
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_THAT(recorded(), testing::IsEmpty());
  EXPECT_EQ(told("container", "web-1").back(), "snapshot_deleted");
}

TEST_F(SnapshotsTest, LimitsThatNoSpecCanSayDoNotSpoilTheRecord) {
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set("resources", json::Object{{"memory_mib", std::int64_t{64}}});
  run(request);
  runtime_.set_limits("web-1", {.memory_mib = 64, .cpus = 4000, .pids = 0});
  EXPECT_EQ(take("j2", "one").state, JobState::succeeded);
  EXPECT_EQ(record().container.spec.resources, (Resources{64, 0, 0}));
  EXPECT_THAT(recorded(), ElementsAre("one"));
  runtime_.set_limits("web-1", {.memory_mib = 64, .cpus = 2, .pids = 0});
  EXPECT_EQ(take("j3", "two").state, JobState::succeeded);
  EXPECT_EQ(record().container.spec.resources, (Resources{64, 2, 0}));
}

}  // namespace
}  // namespace drover::jobs
