#include "agent/system/loop.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <string>
#include <vector>

#include "fakes/fake_clock.h"

namespace drover::system {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LoopTest : public testing::Test {
 protected:
  /// Handles what is ready without waiting for more.
  void turn() { loop_.turn(Duration::zero()); }
  std::function<void()> note(const std::string& what) {
    return [this, what] { seen_ += what; };
  }

  fakes::FakeClock clock_;
  Loop loop_{clock_};
  std::string seen_;
};

TEST_F(LoopTest, TimersFireInTheOrderOfTheirTime) {
  loop_.after(seconds(3), note("c"));
  loop_.after(seconds(1), note("a"));
  loop_.after(seconds(2), note("b"));
  turn();
  EXPECT_EQ(seen_, "");
  clock_.advance(seconds(2));
  turn();
  EXPECT_EQ(seen_, "ab");
  clock_.advance(seconds(1));
  turn();
  turn();
  EXPECT_EQ(seen_, "abc");
}

TEST_F(LoopTest, TimersOfOneTimeFireInTheOrderTheyWereSet) {
  for (const char* what : {"a", "b", "c"}) {
    loop_.after(seconds(1), note(what));
  }
  clock_.advance(seconds(1));
  turn();
  EXPECT_EQ(seen_, "abc");
}

TEST_F(LoopTest, ACancelledTimerNeverFires) {
  const auto first = loop_.after(seconds(1), note("a"));
  loop_.after(seconds(1), note("b"));
  loop_.cancel(first);
  loop_.cancel(first);
  loop_.cancel(9999);
  clock_.advance(seconds(5));
  turn();
  EXPECT_EQ(seen_, "b");
}

TEST_F(LoopTest, ATimerMayCancelAnotherThatIsDue) {
  Loop::TimerId second = 0;
  loop_.after(seconds(1), [&] { loop_.cancel(second); });
  second = loop_.after(seconds(1), note("b"));
  clock_.advance(seconds(1));
  turn();
  EXPECT_EQ(seen_, "");
}

TEST_F(LoopTest, ATimerThatIsSetByATimerWaitsForTheNextTurn) {
  std::function<void()> again = [&] {
    seen_ += "a";
    loop_.after(Duration::zero(), again);
  };
  loop_.after(Duration::zero(), again);
  turn();
  EXPECT_EQ(seen_, "a");
  turn();
  EXPECT_EQ(seen_, "aa");
}

TEST_F(LoopTest, ATimerSetForEarlierHoldsUpNoneThatIsDue) {
  // Both are due; the first sets one that sorts before the second.
  loop_.after(seconds(1), [&] { loop_.after(seconds(-10), note("new")); });
  loop_.after(seconds(2), note("b"));
  clock_.advance(seconds(3));
  turn();
  EXPECT_EQ(seen_, "b");
  turn();
  EXPECT_EQ(seen_, "bnew");
}

TEST_F(LoopTest, SaysHowLongItMaySleep) {
  EXPECT_EQ(loop_.until_next_timer(seconds(9)), seconds(9));
  loop_.after(seconds(2), note("a"));
  EXPECT_EQ(loop_.until_next_timer(seconds(9)), seconds(2));
  EXPECT_EQ(loop_.until_next_timer(seconds(1)), seconds(1));
  clock_.advance(seconds(5));
  EXPECT_EQ(loop_.until_next_timer(seconds(9)), Duration::zero());
}

TEST_F(LoopTest, CallsWhatIsReadyUntilItIsUnwatched) {
  const UniqueFd event(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  loop_.watch(event.get(), EPOLLIN, [&](std::uint32_t events) {
    EXPECT_NE(events & EPOLLIN, 0U);
    seen_ += "x";
  });
  turn();
  turn();
  EXPECT_EQ(seen_, "xx");
  loop_.unwatch(event.get());
  loop_.unwatch(event.get());
  turn();
  EXPECT_EQ(seen_, "xx");
}

TEST_F(LoopTest, WatchingAgainReplaces) {
  const UniqueFd event(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  loop_.watch(event.get(), EPOLLIN, [&](std::uint32_t) { seen_ += "old"; });
  loop_.watch(event.get(), EPOLLIN, [&](std::uint32_t) { seen_ += "new"; });
  turn();
  EXPECT_EQ(seen_, "new");
}

TEST_F(LoopTest, OneMayUnwatchItselfAndTheOther) {
  const UniqueFd first(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  const UniqueFd second(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  const auto unwatch_both = [&](std::uint32_t) {
    seen_ += "x";
    loop_.unwatch(first.get());
    loop_.unwatch(second.get());
  };
  loop_.watch(first.get(), EPOLLIN, unwatch_both);
  loop_.watch(second.get(), EPOLLIN, unwatch_both);
  turn();
  turn();
  EXPECT_EQ(seen_, "x");
}

TEST_F(LoopTest, ADescriptorThatWasUnwatchedAndWatchedAnewInATurnIsNotMixedUp) {
  const UniqueFd first(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd second(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd third;
  bool swapped = false;
  const auto swap = [&](std::uint32_t) {
    if (swapped) {
      return;
    }
    swapped = true;
    // A new descriptor may get the number of the closed one.
    loop_.unwatch(second.get());
    second.reset();
    third.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    loop_.watch(third.get(), EPOLLIN, [&](std::uint32_t) { seen_ += "third"; });
  };
  loop_.watch(first.get(), EPOLLIN, swap);
  loop_.watch(second.get(), EPOLLIN, swap);
  turn();
  EXPECT_EQ(seen_, "");
  loop_.unwatch(first.get());
}

TEST_F(LoopTest, EveryTurnEndsWithItsEnd) {
  loop_.at_turn_end(note("|"));
  loop_.after(Duration::zero(), note("a"));
  loop_.after(Duration::zero(), note("b"));
  turn();
  EXPECT_EQ(seen_, "ab|");
  turn();
  EXPECT_EQ(seen_, "ab||");
}

TEST_F(LoopTest, RunsUntilItIsToldToQuit) {
  loop_.after(Duration::zero(), [this] {
    seen_ += "a";
    loop_.after(Duration::zero(), [this] {
      seen_ += "b";
      loop_.quit();
    });
  });
  loop_.run();
  EXPECT_EQ(seen_, "ab");
}

TEST_F(LoopTest, ItsDescriptorTellsAnotherLoop) {
  const UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  loop_.watch(event.get(), EPOLLIN, [](std::uint32_t) {});
  pollfd outer{loop_.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&outer, 1, 0), 0);
  eventfd_write(event.get(), 1);
  EXPECT_EQ(poll(&outer, 1, 0), 1);
}

TEST_F(LoopTest, WithTheRealClockATimerWakesIt) {
  SystemClock clock;
  Loop loop(clock);
  const auto start = clock.now();
  loop.after(milliseconds(20), [&] { loop.quit(); });
  loop.run();
  EXPECT_GE(clock.now() - start, milliseconds(20));
}

}  // namespace
}  // namespace drover::system
