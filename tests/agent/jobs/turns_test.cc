#include "agent/jobs/turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace drover::jobs {
namespace {

const system::Stop kNever;

/// Somebody who takes a turn on a thread of its own, and whose place in the line is known before
/// the next one comes.
class Taker {
 public:
  Taker(Turns& turns, const std::string& job, std::size_t width = 1)
      : thread_([this, &turns, job, width] {
          Result<Turns::Turn> turn =
              turns.take({"storage s", width}, job, stop_,
                         [&](const auto& wait) { before_.set_value(wait.before); });
          outcome_.set_value(turn.has_value());
          done_.get_future().wait();
        }) {}
  ~Taker() {
    leave();
    thread_.join();
  }
  Taker(const Taker&) = delete;
  Taker& operator=(const Taker&) = delete;

  std::size_t before() { return before_.get_future().get(); }
  bool has_turn() { return outcome_.get_future().get(); }
  void stop() { stop_.request(); }
  void leave() {
    if (!left_) {
      left_ = true;
      done_.set_value();
    }
  }

 private:
  system::Stop stop_;
  std::promise<std::size_t> before_;
  std::promise<bool> outcome_;
  std::promise<void> done_;
  bool left_ = false;
  std::thread thread_;
};

TEST(TurnsTest, AFreeThingIsHadAtOnce) {
  Turns turns;
  bool waited = false;
  const auto turn =
      turns.take({"storage s", 1}, "j1", kNever, [&](const Turns::Wait&) { waited = true; });
  EXPECT_TRUE(turn);
  EXPECT_FALSE(waited);
  EXPECT_TRUE(turns.take({"storage t", 1}, "j2", kNever, [](const Turns::Wait&) { FAIL(); }));
}

TEST(TurnsTest, WhoCameFirstIsNext) {
  Turns turns;
  Taker first(turns, "j1");
  ASSERT_TRUE(first.has_turn());
  Taker second(turns, "j2");
  EXPECT_EQ(second.before(), 0U);
  Taker third(turns, "j3");
  EXPECT_EQ(third.before(), 1U);
  EXPECT_EQ(turns.waiting("j3")->before, 1U);
  EXPECT_EQ(turns.waiting("j3")->thing, "storage s");
  first.leave();
  EXPECT_TRUE(second.has_turn());
  EXPECT_FALSE(turns.waiting("j2"));
  EXPECT_EQ(turns.waiting("j3")->before, 0U);
  second.leave();
  EXPECT_TRUE(third.has_turn());
}

TEST(TurnsTest, AsManyAsItsWidthHaveItTogether) {
  Turns turns;
  Taker first(turns, "j1", 2);
  Taker second(turns, "j2", 2);
  EXPECT_TRUE(first.has_turn());
  EXPECT_TRUE(second.has_turn());
  Taker third(turns, "j3", 2);
  EXPECT_EQ(third.before(), 0U);
  second.leave();
  EXPECT_TRUE(third.has_turn());
}

TEST(TurnsTest, OneThatIsStoppedLeavesTheLineToTheNext) {
  Turns turns;
  Taker first(turns, "j1");
  ASSERT_TRUE(first.has_turn());
  Taker second(turns, "j2");
  EXPECT_EQ(second.before(), 0U);
  Taker third(turns, "j3");
  EXPECT_EQ(third.before(), 1U);
  second.stop();
  EXPECT_FALSE(second.has_turn());
  first.leave();
  EXPECT_TRUE(third.has_turn());
}

TEST(TurnsTest, NeverMoreThanItsWidthWhateverTheThreadsDo) {
  Turns turns;
  constexpr int kWidth = 3;
  std::atomic<int> inside = 0;
  std::atomic<bool> crowded = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 200; ++round) {
        const auto turn = turns.take({"storage s", kWidth}, "j" + std::to_string(i), kNever,
                                     [](const Turns::Wait&) {});
        crowded = crowded || ++inside > kWidth;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_FALSE(crowded);
}

}  // namespace
}  // namespace drover::jobs
