#include "agent/system/inbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <thread>
#include <vector>

namespace drover::system {
namespace {

template <class T>
bool readable(const Inbox<T>& inbox, int timeout = 0) {
  pollfd waiting{inbox.fd(), POLLIN, 0};
  return poll(&waiting, 1, timeout) == 1;
}

TEST(InboxTest, IsReadableWhileSomethingIsInside) {
  Inbox<int> inbox;
  EXPECT_FALSE(readable(inbox));
  EXPECT_TRUE(inbox.take().empty());
  inbox.post(1);
  inbox.post(2);
  EXPECT_TRUE(readable(inbox));
  EXPECT_EQ(inbox.take(), (std::deque<int>{1, 2}));
  EXPECT_FALSE(readable(inbox));
}

TEST(InboxTest, TakesWhatCanOnlyBeMoved) {
  Inbox<std::unique_ptr<int>> inbox;
  inbox.post(std::make_unique<int>(7));
  EXPECT_EQ(*inbox.take().front(), 7);
}

TEST(InboxTest, LosesNothingOfManyThreadsAndKeepsTheOrderOfEach) {
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  Inbox<std::pair<int, int>> inbox;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&inbox, t] {
      for (int i = 0; i < kEach; ++i) {
        inbox.post({t, i});
      }
    });
  }
  std::vector<int> next(kThreads, 0);
  int taken = 0;
  // As the loop does: it waits for the descriptor and takes what is there.
  while (taken < kThreads * kEach) {
    ASSERT_TRUE(readable(inbox, 10'000)) << "a wake-up was lost at " << taken;
    for (const auto& [thread, number] : inbox.take()) {
      EXPECT_EQ(number, next.at(static_cast<std::size_t>(thread))++);
      ++taken;
    }
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(inbox.take().empty());
}

}  // namespace
}  // namespace drover::system
