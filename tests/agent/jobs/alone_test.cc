// Jobs of which only one may run at a time (Supervisor::Deeds::has_alone).
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "supervisor_fixture.h"

namespace drover::jobs {
namespace {

class AloneTest : public SupervisorFixture {
 protected:
  /// Jobs of "press-..." have the press.
  void supervise_alone(std::size_t workers, Run run, Undo undo = nothing_to_undo) {
    Supervisor::Deeds deeds{std::move(run), std::move(undo)};
    deeds.has_alone = [](const JobRequest& request) {
      return request.target.starts_with("press") ? "the press" : "";
    };
    deeds.awaits = [this](const JobRequest&) { return held_ ? "the power" : ""; };
    supervisor_ = std::make_unique<Supervisor>(loop_, *books_, clock_, workers, std::move(deeds));
  }
  /// Waits for a `let_go` of its own.
  Result<json::Value> press(Work& work) {
    {
      const std::lock_guard lock(mutex_);
      order_.push_back(work.request().id.str());
    }
    EXPECT_EQ(inside_.fetch_add(1), 0);
    pollfd waiting[2] = {{gate_.fd(), POLLIN, 0}, {work.stop().fd(), POLLIN, 0}};
    poll(waiting, 2, -1);
    inside_.fetch_sub(1);
    return json::Value();
  }
  Run pressing() {
    return [this](Work& work) -> Result<json::Value> {
      return work.request().target.starts_with("press") ? press(work) : json::Value();
    };
  }
  std::vector<std::string> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

  bool held_ = false;
  system::Stop gate_;
  std::atomic<int> inside_ = 0;
  std::mutex mutex_;
  std::vector<std::string> order_;  // guarded by mutex_
};

using Jobs = std::vector<std::string>;

TEST_F(AloneTest, TheyRunOneAfterTheOtherAndOthersBesideThem) {
  supervise_alone(2, pressing());
  submit(request("j1", "press-1"));
  submit(request("j2", "press-2"));
  submit(request("j3", "press-3"));
  submit(request("j4", "web-1"));
  until("j4", "succeeded");
  EXPECT_EQ(supervisor_->waits_for("j3")->thing, "the press");
  EXPECT_EQ(supervisor_->waits_for("j3")->before, 1U);
  gate_.request();
  until("j3", "succeeded");
  EXPECT_EQ(order(), (Jobs{"j1", "j2", "j3"}));
}

TEST_F(AloneTest, OneThatIsCancelledInTheLineLetsTheNextBeforeIt) {
  supervise_alone(2, pressing());
  submit(request("j1", "press-1"));
  submit(request("j2", "press-2"));
  submit(request("j3", "press-3"));
  until("j1", "started");
  ASSERT_TRUE(supervisor_->cancel("j2", "c1"));
  until("j2", "cancelled");
  EXPECT_EQ(supervisor_->waits_for("j3")->before, 0U);
  gate_.request();
  until("j3", "succeeded");
  EXPECT_EQ(order(), (Jobs{"j1", "j3"}));
}

TEST_F(AloneTest, OneThatWaitsForItsNextAttemptLetsOthersBeforeIt) {
  std::atomic<int> tried = 0;
  supervise_alone(1, [&](Work& work) -> Result<json::Value> {
    if (work.request().id.str() == "j1" && ++tried == 1) {
      return fail(Code::unavailable, "no ink");
    }
    const std::lock_guard lock(mutex_);
    order_.push_back(work.request().id.str());
    return json::Value();
  });
  submit(request("j1", "press-1"));
  submit(request("j2", "press-2"));
  until("j1", "retrying");
  until("j2", "succeeded");
  clock_.advance(std::chrono::minutes(2));
  until("j1", "succeeded");
  EXPECT_EQ(order(), (Jobs{"j2", "j1"}));
}

TEST_F(AloneTest, OneThatWasBegunAndIsCancelledInTheLineIsTakenBackAtOnce) {
  std::atomic<int> undone = 0;
  supervise_alone(
      2,
      [&](Work& work) -> Result<json::Value> {
        if (work.request().id.str() == "j1") {
          return fail(Code::unavailable, "no ink");
        }
        return press(work);
      },
      [&](Work&, const Error&) -> Result<> {
        ++undone;
        return {};
      });
  submit(request("j1", "press-1"));
  until("j1", "retrying");
  submit(request("j2", "press-2"));
  until("j2", "started");
  clock_.advance(std::chrono::minutes(2));
  until("j1", "waiting");
  EXPECT_EQ(supervisor_->waits_for("j1")->thing, "the press");
  ASSERT_TRUE(supervisor_->cancel("j1", "c1"));
  until("j1", "cancelled");
  EXPECT_EQ(undone, 1);
  submit(request("j3", "press-3"));
  gate_.request();
  until("j3", "succeeded");
}

TEST_F(AloneTest, NothingIsHadWhileSomethingElseIsWaitedFor) {
  held_ = true;
  supervise_alone(2, pressing());
  gate_.request();
  submit(request("j1", "press-1"));
  submit(request("j2", "press-2"));
  EXPECT_EQ(supervisor_->waits_for("j2")->thing, "the power");
  EXPECT_EQ(supervisor_->waits_for("j2")->before, 0U);
  books_->commit();
  ASSERT_TRUE(supervisor_->cancel("j1", "c1"));
  until("j1", "cancelled");
  held_ = false;
  supervisor_->look_again();
  until("j2", "succeeded");
}

TEST_F(AloneTest, TheNextAgentHasThemOneAfterTheOtherToo) {
  supervise_alone(2, [](Work& work) -> Result<json::Value> { return until_stopped(work); });
  submit(request("j1", "press-1"));
  submit(request("j2", "press-2"));
  until("j1", "started");
  supervisor_.reset();
  reopen();
  supervise_alone(2, pressing());
  submit_again(request("j1", "press-1"));
  submit_again(request("j2", "press-2"));
  EXPECT_EQ(supervisor_->waits_for("j2")->thing, "the press");
  gate_.request();
  until("j2", "succeeded");
  EXPECT_EQ(order(), (Jobs{"j1", "j2"}));
}

TEST_F(AloneTest, WhatIsAwaitedAfterTheLineIsToldToo) {
  supervise_alone(2, pressing());
  submit(request("j1", "press-1"));
  submit(request("j2", "press-2"));
  until("j1", "started");
  EXPECT_EQ(supervisor_->waits_for("j2")->thing, "the press");
  held_ = true;
  gate_.request();
  until("j2", "waiting");
  EXPECT_EQ(supervisor_->waits_for("j2")->thing, "the power");
  held_ = false;
  supervisor_->look_again();
  until("j2", "succeeded");
}

}  // namespace
}  // namespace drover::jobs
