#include "agent/system/clock.h"

#include <gtest/gtest.h>

#include <ctime>
#include <thread>

#include "fakes/fake_clock.h"

namespace drover::system {
namespace {

using std::chrono::milliseconds;

TEST(SystemClockTest, SleepsAtLeastAsLongAsAsked) {
  SystemClock clock;
  const auto start = clock.now();
  ASSERT_TRUE(clock.sleep_for(milliseconds(15), Stop()));
  EXPECT_GE(clock.now() - start, milliseconds(15));
  EXPECT_TRUE(clock.sleep_for(milliseconds(-5), Stop()));
}

TEST(SystemClockTest, AStopEndsASleep) {
  SystemClock clock;
  Stop stop;
  std::thread asker([&] { stop.request(); });
  const auto slept = clock.sleep_for(std::chrono::hours(100'000), stop);
  asker.join();
  ASSERT_FALSE(slept);
  EXPECT_EQ(slept.error().code, Code::cancelled);
  EXPECT_EQ(clock.sleep_for(milliseconds(0), stop).error().code, Code::cancelled);
}

TEST(SystemClockTest, TellsTheTimeOfDay) {
  const std::int64_t before = std::int64_t{std::time(nullptr)} * 1000;
  const std::int64_t now = SystemClock().unix_ms();
  EXPECT_GE(now + 1000, before);
  EXPECT_LE(now, (std::int64_t{std::time(nullptr)} + 1) * 1000);
}

TEST(FakeClockTest, SleepingMovesIt) {
  fakes::FakeClock clock;
  const auto start = clock.now();
  const std::int64_t date = clock.unix_ms();
  ASSERT_TRUE(clock.sleep_for(std::chrono::hours(1), Stop()));
  EXPECT_EQ(clock.now() - start, std::chrono::hours(1));
  EXPECT_EQ(clock.unix_ms() - date, 3'600'000);
}

}  // namespace
}  // namespace drover::system
