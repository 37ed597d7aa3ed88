// Requests that were sent and never answered: what has come of them is looked up.
#include <gmock/gmock.h>

#include <csignal>

#include "guest_fixture.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

const Error kLost{Code::timed_out, "the connection was lost", {}};

class GuestLostAnswersTest : public GuestFixture {};

TEST_F(GuestLostAnswersTest, ACreateWhoseAnswerWasLostIsLookedFor) {
  api_.fail_next("POST /nodes/pve1/lxc", kLost, true);
  ASSERT_TRUE(runtime_.create(web_, stop_));
  EXPECT_EQ(api_.guests.size(), 1U);
  ASSERT_TRUE(runtime_.remove(web_, true, stop_));
  api_.fail_next("POST /nodes/pve1/lxc", kLost);
  const auto created = runtime_.create(web_, stop_);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Code::unavailable) << created.error().message;
}

TEST_F(GuestLostAnswersTest, WhatWasDoneThoughItsAnswerWasLostHasSucceeded) {
  create();
  api_.fail_next("PUT /nodes/pve1/lxc/5000/config", kLost, true);
  api_.fail_next("POST /nodes/pve1/lxc/5000/status/start", kLost, true);
  EXPECT_TRUE(runtime_.start(web_, stop_));
  EXPECT_EQ(status(), Status::running);
  api_.fail_next("PUT /nodes/pve1/lxc/5000/config", kLost, true);
  EXPECT_TRUE(runtime_.update(web_, {.memory_mib = 64, .cpus = 0, .pids = 0}, stop_));
  api_.fail_next("POST /nodes/pve1/lxc/5000/status/shutdown", kLost, true);
  EXPECT_TRUE(runtime_.stop(web_, SIGTERM, std::chrono::seconds(5), stop_));
  EXPECT_EQ(status(), Status::stopped);
  ASSERT_TRUE(runtime_.start(web_, stop_));
  api_.fail_next("POST /nodes/pve1/lxc/5000/status/stop", kLost, true);
  EXPECT_TRUE(runtime_.kill(web_, SIGKILL, stop_));
  EXPECT_EQ(status(), Status::stopped);
  api_.fail_next("DELETE /nodes/pve1/lxc/5000", kLost, true);
  EXPECT_TRUE(runtime_.remove(web_, false, stop_));
  EXPECT_TRUE(api_.guests.empty());
}

TEST_F(GuestLostAnswersTest, WhatWasNotDoneWhenItsAnswerWasLostCanBeTriedAgain) {
  create();
  api_.fail_next("POST /nodes/pve1/lxc/5000/status/start", kLost);
  const auto started = runtime_.start(web_, stop_);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::unavailable);
  EXPECT_THAT(started.error().message, HasSubstr("guest 5000 runs, and it is stopped"));
  ASSERT_TRUE(runtime_.start(web_, stop_));
  api_.fail_next("POST /nodes/pve1/lxc/5000/status/shutdown", kLost);
  EXPECT_EQ(runtime_.stop(web_, SIGTERM, std::chrono::seconds(5), stop_).error().code,
            Code::unavailable);
  api_.fail_next("POST /nodes/pve1/lxc/5000/status/stop", kLost);
  EXPECT_EQ(runtime_.kill(web_, SIGKILL, stop_).error().code, Code::unavailable);
  EXPECT_EQ(status(), Status::running);
  api_.fail_next("DELETE /nodes/pve1/lxc/5000", kLost);
  EXPECT_EQ(runtime_.remove(web_, true, stop_).error().code, Code::unavailable);
  EXPECT_EQ(api_.guests.size(), 1U);
}

TEST_F(GuestLostAnswersTest, AGrowthWhoseAnswerWasLostIsLookedUp) {
  create();
  const std::string request = "PUT /nodes/pve1/lxc/5000/resize";
  api_.fail_next(request, kLost);
  EXPECT_EQ(runtime_.disks()->grow(web_, "", 64, stop_).error().code, Code::unavailable);
  api_.fail_next(request, kLost, true);
  EXPECT_TRUE(runtime_.disks()->grow(web_, "", 64, stop_));
  EXPECT_EQ(runtime_.disks()->disk_sizes(web_, stop_).value().root, 64U);
  api_.fail_next(request, kLost);
  api_.begin_task("resize", "5000", [&] { guest().config.set("rootfs", "local:x,size=128M"); });
  EXPECT_TRUE(runtime_.disks()->grow(web_, "", 128, stop_));
}

TEST_F(GuestLostAnswersTest, AGrowthThatAnEarlierAgentHasBegunIsAwaitedAndNeverBrokenOff) {
  create();
  api_.begin_task("resize", "5000", [this] { stop_.request(); });
  EXPECT_EQ(runtime_.settle(web_, stop_).error().code, Code::cancelled);
  EXPECT_THAT(api_.requests, testing::Not(testing::Contains(HasSubstr("DELETE "))));
}

TEST_F(GuestLostAnswersTest, ATaskWhoseAnswerWasLostIsAwaited) {
  create();
  api_.begin_task("vzstart", "5000", [&] { guest().running = true; });
  api_.fail_next("POST /nodes/pve1/lxc/5000/status/start", kLost);
  EXPECT_TRUE(runtime_.start(web_, stop_));
}

TEST_F(GuestLostAnswersTest, WhatMayBeAnotherJobsRestoreGoesOnWhenOneThatAwaitsItIsStopped) {
  api_.begin_task("vzcreate", "5001", [this] { stop_.request(); });
  api_.begin_task("vzrestore", "5002", [] {});
  EXPECT_EQ(runtime_.settle(web_, stop_).error().code, Code::cancelled);
  EXPECT_THAT(api_.requests, testing::Not(testing::Contains(HasSubstr("DELETE "))));
}

TEST_F(GuestLostAnswersTest, ACreateWhoseAnswerWasLostAwaitsNoOtherJobsRestore) {
  api_.begin_task("vzrestore", "5001", [] { ADD_FAILURE() << "asked for"; });
  api_.fail_next("POST /nodes/pve1/lxc", Error{Code::timed_out, "596 lost", {}});
  EXPECT_EQ(runtime_.create(web_, stop_).error().code, Code::unavailable);
  EXPECT_TRUE(runtime_.settle(web_, stop_)) << "before the undo";
  EXPECT_TRUE(runtime_.remove(web_, true, stop_));
}

}  // namespace
}  // namespace drover::runtimes
