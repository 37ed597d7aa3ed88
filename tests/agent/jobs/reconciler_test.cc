// What jobs do while the reconciler looks and takes away.
#include "agent/jobs/reconcile/reconciler.h"

#include <gmock/gmock.h>

#include "leaks_fixture.h"

namespace drover::jobs {
namespace {

using fakes::FakeRuntime;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class ReconcilerTest : public LeaksFixture {
 protected:
  const system::Stop stop_;
  /// A look that stands still where it lists containers, until `meanwhile` is done.
  void look_while(FakeRuntime::Hold where, const std::function<void()>& meanwhile) {
    const std::uint64_t looks = reconciler_->looks();
    const int held = runtime_.held();
    runtime_.pause_next("inventory", where);
    begin_look();
    await_pause(held);
    meanwhile();
    runtime_.let_go();
    end_look(looks);
  }
  JobRow remove(const std::string& id, const std::string& name) {
    return run(job(id, "container.delete", name, {{"force", true}}));
  }
  /// Of a guest of Proxmox, which others may start, too.
  void leave_a_failed_deletion() {
    runtime_.set_capabilities({.restartable = true, .provisions_itself = true});
    run(run_job("j1", "web-1"));
    ASSERT_EQ(run(job("j2", "container.stop", "web-1")).state, JobState::succeeded);
    runtime_.fail_next("remove", Error{Code::broken, "device busy", {}});
    ASSERT_EQ(run(job("j3", "container.delete", "web-1")).state, JobState::failed);
    look();
  }
  void start_by_hand() {
    const ContainerRow row = *journal_->container("web-1").value();
    ASSERT_TRUE(runtime_.start(container_record_from(row.container).value().container, stop_));
  }
  void await_all() {
    while (!journal_->unfinished().value().empty() || journal_->dirty()) {
      loop_->turn(std::chrono::milliseconds(50));
    }
  }
};

TEST_F(ReconcilerTest, ALostBridgeIsToldOnceAndNotWhileAJobMakesIt) {
  const NetworkRow row{"apps-lost", "", false, false, "j0", "j0", 1};
  ASSERT_TRUE(journal_->put_network(row));
  look();
  EXPECT_THAT(told("network", "apps-lost"), IsEmpty());
  NetworkRow made = row;
  made.busy.clear();
  ASSERT_TRUE(journal_->put_network(made));
  look();
  look();
  EXPECT_THAT(told("network", "apps-lost"), testing::ElementsAre("lost"));
}

TEST_F(ReconcilerTest, AContainerMadeDuringALookIsNoLeak) {
  look_while(FakeRuntime::Hold::before_deed, [this] {
    EXPECT_EQ(run(with_volume(run_job("j1", "web-1"))).state, JobState::succeeded);
  });
  EXPECT_THAT(told_of_leaks(), IsEmpty());
}

TEST_F(ReconcilerTest, NorIsOneDeletedDuringALook) {
  run(with_volume(run_job("j1", "web-1")));
  look_while(FakeRuntime::Hold::after_deed,
             [this] { EXPECT_EQ(remove("j2", "web-1").state, JobState::succeeded); });
  EXPECT_THAT(told_of_leaks(), IsEmpty());
}

TEST_F(ReconcilerTest, NorIsOneMadeAndDeletedDuringALook) {
  const std::uint64_t looks = reconciler_->looks();
  const int held = runtime_.held();
  runtime_.pause_next("inventory", FakeRuntime::Hold::before_deed);
  runtime_.pause_next("inventory", FakeRuntime::Hold::after_deed);
  begin_look();
  await_pause(held);
  run(run_job("j1", "web-1"));
  runtime_.let_go();
  await_pause(held + 1);
  EXPECT_EQ(remove("j2", "web-1").state, JobState::succeeded);
  runtime_.let_go();
  end_look(looks);
  EXPECT_THAT(told_of_leaks(), IsEmpty());
}

TEST_F(ReconcilerTest, AJobThatStandsStillInTheMiddleIsKnown) {
  runtime_.hold_next("create", FakeRuntime::Hold::after_deed);
  const int held = runtime_.held();
  submit(with_volume(run_job("j1", "web-1")));
  await_pause(held);
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_TRUE(std::filesystem::exists(layout_.containers() / "web-1/rootfs"));
}

TEST_F(ReconcilerTest, WhileALeakIsTakenAwayNoJobOfThatContainerBegins) {
  runtime_.add("web-1", "j0");
  write_file(layout_.exits() / "web-1", "0");
  look();
  pass_grace();
  const std::uint64_t looks = reconciler_->looks();
  const int held = runtime_.held();
  runtime_.pause_next("remove", FakeRuntime::Hold::before_deed);
  begin_look();
  await_pause(held);
  submit(run_job("j1", "web-1"));
  const std::optional<Waiting> waits = supervisor_->waits_for("j1");
  ASSERT_TRUE(waits);
  EXPECT_EQ(waits->thing, "container web-1");
  EXPECT_EQ(journal_->job("j1").value()->attempt, 0);
  runtime_.let_go();
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  if (reconciler_->looks() == looks) {
    end_look(looks);
  }
  EXPECT_TRUE(runtime_.has("web-1"));
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(ReconcilerTest, ALeakOfAContainerThatAJobIsAboutWaitsForTheNextLook) {
  run(run_job("j1", "web-1"));
  write_file(layout_.local_volumes() / "web-1.data.j0/inside", "x");
  look();
  pass_grace();
  runtime_.hold_next("stop", FakeRuntime::Hold::after_deed);
  const int held = runtime_.held();
  submit(job("j2", "container.stop", "web-1"));
  await_pause(held);
  look();
  EXPECT_TRUE(std::filesystem::exists(layout_.local_volumes() / "web-1.data.j0"));
  submit(job("c1", "job.cancel", "j2"));
  await("j2");
  look();
  EXPECT_FALSE(std::filesystem::exists(layout_.local_volumes() / "web-1.data.j0"));
}

TEST_F(ReconcilerTest, AnUndoThatFailedIsTriedAgainUntilItIsDone) {
  runtime_.fail_next("start", Error{Code::broken, "start failed", {}});
  runtime_.fail_next("remove", Error{Code::unavailable, "device busy", {}});
  EXPECT_EQ(run(run_job("j1", "web-1")).state, JobState::failed);
  published_.clear();
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked undo web-1"));
  look();
  await_all();
  EXPECT_TRUE(runtime_.has("web-1")) << "it was tried again at once";

  runtime_.fail_next("remove", Error{Code::unavailable, "device busy", {}});
  clock_.advance(std::chrono::minutes(1));
  look();
  await_all();
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::unknown);
  const LeakRow row = journal_->leaks().value().front();
  EXPECT_EQ(row.tries, 1);
  EXPECT_EQ(row.collect_at, clock_.unix_ms() + 120'000);

  clock_.advance(std::chrono::minutes(2));
  look();
  await_all();
  EXPECT_TRUE(leaves_nothing("web-1"));
  look();
  EXPECT_THAT(told_of_leaks(), Contains("collected undo web-1"));
  EXPECT_THAT(journal_->leaks().value(), IsEmpty());
}

TEST_F(ReconcilerTest, OneThatWasStartedByHandAfterADeleteThatFailedIsGivenBack) {
  leave_a_failed_deletion();
  start_by_hand();
  clock_.advance(std::chrono::minutes(1));
  look();
  await_all();
  EXPECT_TRUE(runtime_.has("web-1"));
  const ContainerRow row = *journal_->container("web-1").value();
  EXPECT_EQ(row.wanted, Wanted::running);
  EXPECT_EQ(row.status, Status::running);
  look();
  EXPECT_THAT(journal_->leaks().value(), IsEmpty());
  EXPECT_THAT(told_of_leaks(), Not(Contains("collected undo web-1")));
}

TEST_F(ReconcilerTest, OneThatWasStartedByHandAfterADeleteThatIsForgottenIsGivenBack) {
  leave_a_failed_deletion();
  start_by_hand();
  clock_.advance(std::chrono::minutes(1));
  ASSERT_EQ(journal_->forget_jobs(clock_.unix_ms(), 10).value(), 2);
  look();
  await_all();
  EXPECT_TRUE(runtime_.has("web-1"));
}

TEST_F(ReconcilerTest, ADeletionByForceThatWasCancelledDoesNotCount) {
  run(run_job("j1", "web-1"));
  ASSERT_TRUE(journal_->add_job({.id = "j2",
                                 .verb = "container.delete",
                                 .target = "web-1",
                                 .request = json::write(json::Value(
                                     job("j2", "container.delete", "web-1", {{"force", true}}))),
                                 .state = JobState::queued,
                                 .created_at = 1}));
  EXPECT_FALSE(journal_->last_deletion("web-1", "j1").value()) << "it was not begun";
  ASSERT_TRUE(journal_->begin_job("j2"));
  EXPECT_TRUE(journal_->last_deletion("web-1", "j1").value());
  EXPECT_FALSE(journal_->last_deletion("web-1", "j2").value()) << "of another container";
  EXPECT_FALSE(journal_->last_deletion("web-2", "j1").value());
  ASSERT_TRUE(journal_->set_job("j2", JobState::cancelled, "null", 2));
  EXPECT_FALSE(journal_->last_deletion("web-1", "j1").value());
}

TEST_F(ReconcilerTest, OneThatWasToGoByForceGoesAlsoWhenItRuns) {
  run(run_job("j1", "web-1"));
  runtime_.fail_next("remove", Error{Code::broken, "device busy", {}});
  ASSERT_EQ(run(job("j2", "container.delete", "web-1", {{"force", true}})).state, JobState::failed);
  look();
  EXPECT_TRUE(runtime_.has("web-1"));
  clock_.advance(std::chrono::minutes(1));
  look();
  await_all();
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(ReconcilerTest, OneWhoseDeletionTakesLongIsNotCollectedBeforeItIsGone) {
  runtime_.fail_next("start", Error{Code::broken, "start failed", {}});
  runtime_.fail_next("remove", Error{Code::unavailable, "device busy", {}});
  run(run_job("j1", "web-1"));
  look();
  runtime_.pause_next("remove", FakeRuntime::Hold::before_deed);
  const int held = runtime_.held();
  clock_.advance(std::chrono::minutes(1));
  look();
  await_pause(held);
  look();
  EXPECT_THAT(told_of_leaks(), Not(Contains("collected undo web-1")));
  EXPECT_EQ(journal_->leaks().value().front().tries, 1);
  runtime_.let_go();
  await_all();
  look();
  EXPECT_THAT(told_of_leaks(), Contains("collected undo web-1"));
}

TEST_F(ReconcilerTest, OneThatIsUnknownButWantedIsLeftAlone) {
  run(run_job("j1", "web-1"));
  ContainerRow row = *journal_->container("web-1").value();
  row.status = Status::unknown;
  ASSERT_TRUE(journal_->put_container(row));
  look();
  clock_.advance(std::chrono::hours(2));
  look();
  await_all();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_TRUE(runtime_.has("web-1"));
}

/// On a disk that a test can fill up in the middle of a turn.
class FullDiskReconcilerTest : public ReconcilerTest {
 protected:
  void SetUp() override {
    const std::string state = folder_.path() / "state";
    std::filesystem::create_directories(state);
    ASSERT_EQ(mount("tmpfs", state.c_str(), "tmpfs", 0, "size=16m"), 0);
    // What jobs write for their containers has room: it is the journal's disk that is full.
    const std::string containers = state + "/containers";
    std::filesystem::create_directories(containers);
    ASSERT_EQ(mount("tmpfs", containers.c_str(), "tmpfs", 0, "size=4m,mode=700"), 0);
    ReconcilerTest::SetUp();
  }
  void TearDown() override {
    ReconcilerTest::TearDown();
    umount2(layout_.state.c_str(), MNT_DETACH);
  }
  /// A look of which each change is made twice: the first time its turn cannot be committed.
  void look_with_stalls() {
    const std::string too_large(std::size_t{20} << 20, 'x');
    const std::uint64_t looks = reconciler_->looks();
    begin_look();
    while (reconciler_->looks() == looks) {
      EXPECT_FALSE(journal_->set_fact("too large", too_large));
      loop_->turn(std::chrono::milliseconds(5));
      if (books_->stalled() > 0) {
        ++stalls_;
        books_->try_again();
        books_->commit();
      }
    }
  }
  int stalls_ = 0;
};

// The lane of the container is held while something of it is taken away. Held twice it was not to
// be had, and let go of twice it was another's.
TEST_F(FullDiskReconcilerTest, ALaneIsHeldAndLetGoOfOnceThoughACommitFailed) {
  runtime_.add("ghost", "j-ghost");
  look();
  pass_grace();
  look_with_stalls();
  EXPECT_GE(stalls_, 4);
  EXPECT_FALSE(runtime_.has("ghost"));
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked container ghost", "collected container ghost"));
  EXPECT_EQ(run(run_job("j1", "ghost")).state, JobState::succeeded) << "its lane is free";
  EXPECT_EQ(remove("j2", "ghost").state, JobState::succeeded);
}

TEST_F(FullDiskReconcilerTest, AJobThatTookTheLaneSinceKeepsIt) {
  runtime_.add("ghost", "j-ghost");
  look();
  pass_grace();
  // It stands still where it takes the container away, with the lane held.
  const std::uint64_t looks = reconciler_->looks();
  const int held = runtime_.held();
  runtime_.pause_next("remove", FakeRuntime::Hold::after_deed);
  begin_look();
  await_pause(held);
  submit(run_job("j1", "ghost"));
  submit(job("j2", "container.stop", "ghost"));
  runtime_.pause_next("start", FakeRuntime::Hold::before_deed);
  runtime_.let_go();
  const std::string too_large(std::size_t{20} << 20, 'x');
  // Every change from here on is made twice, the one that lets go too, until the job has begun.
  while (reconciler_->looks() == looks) {
    EXPECT_FALSE(journal_->set_fact("too large", too_large));
    loop_->turn(std::chrono::milliseconds(5));
    books_->try_again();
    books_->commit();
  }
  while (runtime_.held() == held + 1) {
    loop_->turn(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(journal_->job("j2").value()->state, JobState::queued) << "the first has the lane";
  runtime_.let_go();
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(remove("j3", "ghost").state, JobState::succeeded);
}

}  // namespace
}  // namespace drover::jobs
