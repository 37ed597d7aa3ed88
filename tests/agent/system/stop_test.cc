#include "agent/system/stop.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

namespace drover::system {
namespace {

TEST(StopTest, IsAskedOnceAndSeenByAll) {
  Stop stop;
  EXPECT_FALSE(stop.requested());
  EXPECT_TRUE(stop.check("work"));
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&stop] {
      pollfd waiting{stop.fd(), POLLIN, 0};
      EXPECT_EQ(poll(&waiting, 1, 10'000), 1);
      EXPECT_TRUE(stop.requested());
    });
  }
  stop.request();
  for (std::thread& waiter : waiters) {
    waiter.join();
  }
  EXPECT_TRUE(stop.requested());
  stop.request();
  EXPECT_TRUE(stop.requested());
}

TEST(StopTest, OneThatComesAsTheWaitBeginsIsNotMissed) {
  for (int round = 0; round < 200; ++round) {
    Stop stop;
    std::thread asker([&stop] { stop.request(); });
    pollfd waiting{stop.fd(), POLLIN, 0};
    EXPECT_EQ(poll(&waiting, 1, 10'000), 1);
    asker.join();
  }
}

/// A node with some ten thousand jobs that waited came to its end of descriptors, and ended.
TEST(StopTest, OneThatNobodyWaitsForTakesNoDescriptor) {
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  };
  const auto before = open_descriptors();
  std::vector<std::unique_ptr<Stop>> stops;
  for (int i = 0; i < 100; ++i) {
    stops.push_back(std::make_unique<Stop>());
    stops.back()->request();
    EXPECT_TRUE(stops.back()->requested());
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_GE(stops.front()->fd(), 0);
  EXPECT_EQ(open_descriptors(), before + 1);
  stops.clear();
  EXPECT_EQ(open_descriptors(), before);
}

TEST(StopTest, WhatIsUnderWayIsWantedUntilSomebodySaysThatItIsNot) {
  Stop stop;
  EXPECT_TRUE(stop.still_wanted());
  stop.request(Stop::Why::process_ends);
  EXPECT_TRUE(stop.requested());
  EXPECT_TRUE(stop.still_wanted());
  stop.request();
  EXPECT_FALSE(stop.still_wanted());
  stop.request(Stop::Why::process_ends);
  EXPECT_FALSE(stop.still_wanted());
}

TEST(StopTest, TheErrorSaysWhatWasUnderWay) {
  Stop stop;
  stop.request();
  const auto checked = stop.check("mount volume data");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::cancelled);
  EXPECT_EQ(checked.error().message, "mount volume data: stopped by request");
}

}  // namespace
}  // namespace drover::system
