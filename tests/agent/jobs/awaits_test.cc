// Jobs that have to wait for something before they may be begun, or begun again.
#include <gmock/gmock.h>

#include <atomic>

#include "supervisor_fixture.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

class AwaitsTest : public SupervisorFixture {
 protected:
  /// Jobs of "guest-..." wait while `held_`, and their failures are excused then.
  void supervise_some(Run run, Undo undo = nothing_to_undo) {
    const auto is_held = [this](const JobRequest& request) {
      return held_ && request.target.starts_with("guest");
    };
    Supervisor::Deeds deeds{std::move(run), std::move(undo)};
    deeds.awaits = [is_held](const JobRequest& request) {
      return is_held(request) ? "the cluster's quorum" : "";
    };
    deeds.excuses = [is_held](const JobRequest& request, const system::Stop&) {
      return is_held(request);
    };
    supervisor_ = std::make_unique<Supervisor>(loop_, *books_, clock_, 1, std::move(deeds));
  }
  static Result<json::Value> at_once(Work&) { return json::Value(); }
  void let_go() {
    held_ = false;
    supervisor_->look_again();
  }
  long times(const std::string& job, const std::string& what) const {
    return std::count_if(published_.begin(), published_.end(), [&](const Event& event) {
      return event.object == job && event.what == what;
    });
  }

  std::atomic<bool> held_ = true;
};

TEST_F(AwaitsTest, AJobThatHasToWaitTakesNoWorkerFromOthers) {
  supervise_some(at_once);
  submit(request("j1", "guest-1"));
  submit(request("j2", "guest-2"));
  submit(request("j3", "web-1"));
  until("j3", "succeeded");
  EXPECT_EQ(row("j1").state, JobState::queued);
  EXPECT_EQ(row("j1").attempt, 0);
  EXPECT_EQ(supervisor_->waits_for("j1")->thing, "the cluster's quorum");
  let_go();
  until("j1", "succeeded");
  until("j2", "succeeded");
  EXPECT_EQ(row("j1").attempt, 1);
}

TEST_F(AwaitsTest, ItKeepsItsLane) {
  supervise_some(at_once);
  submit(request("j1", "guest-1"));
  submit(request("j2", "guest-1"));
  submit(request("j3", "web-1"));
  until("j3", "succeeded");
  EXPECT_EQ(supervisor_->waits_for("j2")->thing, "container guest-1");
  let_go();
  until("j2", "succeeded");
  EXPECT_EQ(row("j1").state, JobState::succeeded);
}

TEST_F(AwaitsTest, WhatALaterOfItsLaneWaitsForIsToldWhenItIsItsTurn) {
  supervise_some(at_once);
  submit(request("j1", "guest-1"));
  submit(request("j2", "guest-1"));
  books_->commit();
  ASSERT_TRUE(supervisor_->cancel("j1", "c1"));
  until("j2", "waiting");
  EXPECT_EQ(times("j1", "waiting"), 0);  // told as it was accepted
  supervisor_->look_again();             // in vain: nothing has changed
  submit(request("j3", "web-1"));
  until("j3", "succeeded");
  EXPECT_EQ(times("j2", "waiting"), 1);
  let_go();
  until("j2", "succeeded");
}

TEST_F(AwaitsTest, AnExcusedAttemptCountsForNone) {
  std::atomic<int> tried = 0;
  held_ = false;
  supervise_some([&](Work& work) -> Result<json::Value> {
    if (work.request().target == "web-1" || ++tried == 3) {
      return json::Value();
    }
    EXPECT_EQ(work.resumed(), tried > 1);
    held_ = true;
    return fail(Code::unavailable, "cluster not ready - no quorum?");
  });
  JobRequest job = request("j1", "guest-1");
  job.attempts = 1;
  submit(std::move(job));
  until("j1", "waiting");
  submit(request("j2", "web-1"));
  until("j2", "succeeded");
  EXPECT_EQ(row("j1").state, JobState::running);
  let_go();
  until_told("j1", "waiting", 2);
  let_go();
  until("j1", "succeeded");
  EXPECT_EQ(tried, 3);
  EXPECT_EQ(row("j1").attempt, 1);
  EXPECT_EQ(times("j1", "retrying"), 0);
}

TEST_F(AwaitsTest, OnlyWhatMayBeTriedAgainIsExcused) {
  held_ = false;
  supervise_some([&](Work& work) -> Result<json::Value> {
    held_ = true;
    return fail(work.request().id.str() == "j1" ? Code::broken : Code::unavailable, "no");
  });
  submit(request("j1", "guest-1"));
  until("j1", "failed");
  held_ = false;
  JobRequest kill = request("j2", "guest-1");
  kill.verb = Verb::container_kill;
  submit(std::move(kill));
  until("j2", "failed");
}

TEST_F(AwaitsTest, OneThatWasNeverBegunIsCancelledWithoutAnythingDone) {
  std::atomic<int> runs = 0;
  supervise_some([&](Work&) -> Result<json::Value> {
    ++runs;
    return json::Value();
  });
  submit(request("j1", "guest-1"));
  books_->commit();
  ASSERT_TRUE(supervisor_->cancel("j1", "c1"));
  until("j1", "cancelled");
  EXPECT_THAT(row("j1").result, HasSubstr("before it began"));
  EXPECT_FALSE(supervisor_->waits_for("j1"));
  EXPECT_EQ(supervisor_->bytes(), 0U);
  let_go();
  submit(request("j2", "guest-1"));
  until("j2", "succeeded");
  EXPECT_EQ(runs, 1);
}

TEST_F(AwaitsTest, OneThatWasBegunIsCancelledAndTakenBackAtOnce) {
  std::atomic<int> undone = 0;
  held_ = false;
  supervise_some(
      [&](Work& work) -> Result<json::Value> {
        TRY(work.stop().check("run"));
        held_ = true;
        return fail(Code::unavailable, "no quorum");
      },
      [&](Work&, const Error&) -> Result<> {
        ++undone;
        return {};
      });
  submit(request("j1", "guest-1"));
  until("j1", "waiting");
  ASSERT_TRUE(supervisor_->cancel("j1", "c1"));
  until("j1", "cancelled");
  EXPECT_EQ(undone, 1);
}

TEST_F(AwaitsTest, ADeadlineEndsTheWait) {
  supervise_some(at_once);
  JobRequest job = request("j1", "guest-1");
  job.deadline_unix_ms = clock_.unix_ms() + 5000;
  submit(std::move(job));
  books_->commit();
  clock_.advance(std::chrono::seconds(5));
  until("j1", "failed");
  EXPECT_THAT(row("j1").result, HasSubstr("timed_out"));
  EXPECT_THAT(row("j1").result, HasSubstr("it waited for the cluster's quorum"));
}

TEST_F(AwaitsTest, TheNextAgentGoesOnWithTheSameAttempt) {
  held_ = false;
  supervise_some([&](Work&) -> Result<json::Value> {
    held_ = true;
    return fail(Code::unavailable, "no quorum");
  });
  submit(request("j1", "guest-1"));
  until("j1", "waiting");
  supervisor_.reset();
  reopen();
  supervise_some([](Work& work) -> Result<json::Value> {
    EXPECT_TRUE(work.resumed());
    return json::Value();
  });
  submit_again(request("j1", "guest-1"));
  EXPECT_EQ(supervisor_->waits_for("j1")->thing, "the cluster's quorum");
  let_go();
  until("j1", "succeeded");
  EXPECT_EQ(row("j1").attempt, 1);
}

}  // namespace
}  // namespace drover::jobs
