// A batch that another dispatcher takes over at any step goes on as if nobody had.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "some_batch.h"

namespace drover::dispatch {
namespace {

/// The batch as another dispatcher has it: through text, as it is kept.
Batch taken_over(const Batch& batch) {
  Result<Batch> taken = Batch::restore(
      read_batch_order(json::parse(json::write(to_json(batch.order()))).value()).value(),
      json::parse(json::write(batch.state())).value());
  EXPECT_TRUE(taken) << (taken ? "" : taken.error().message);
  return taken ? std::move(*taken) : batch;
}

/// One batch driven by chance, beside one that is taken over after each step.
class Rollout {
 public:
  explicit Rollout(std::uint32_t seed) : random_(seed), one_(order()), other_(one_) {}

  void run() {
    for (int step = 0; step < 2000 && one_.phase() != BatchPhase::ended; ++step) {
      now_ += static_cast<std::int64_t>(below(3000));
      turn();
      begin();
      other_ = taken_over(other_);
      ASSERT_EQ(one_.state(), other_.state());
      ASSERT_EQ(json::write(to_json(one_.progress())), json::write(to_json(other_.progress())));
      ASSERT_EQ(one_.goes_on_at_unix_ms(), other_.goes_on_at_unix_ms());
      check();
    }
    ASSERT_EQ(one_.phase(), BatchPhase::ended);
    EXPECT_EQ(one_.progress().count(ItemState::waiting), 0U);
    EXPECT_TRUE(one_.in_flight().empty());
  }

  std::string outcome() const { return std::string(one_.progress().outcome); }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  BatchOrder order() {
    BatchOrder order = some_order(1 + below(30), 1 + below(6));
    for (BatchItem& item : order.items) {
      item.node = below(4) == 0 ? "" : "n" + std::to_string(below(8));
    }
    order.max_failures = {static_cast<std::int64_t>(below(60)), below(2) == 0};
    if (below(2) == 0) {
      order.canary.items = 1 + below(5);
      if (below(2) == 0) {
        order.canary.wait_s = static_cast<std::int64_t>(below(20));
      }
    }
    return order;
  }

  template <class Change>
  void both(const Change& change) {
    change(one_);
    change(other_);
  }

  void begin() {
    const bool held = one_.progress().paused || !one_.progress().outcome.empty();
    const std::vector<BatchItem> begun = one_.start_next(now_);
    ASSERT_EQ(begun, other_.start_next(now_));
    EXPECT_TRUE(begun.empty() || !held);
    for (const BatchItem& item : begun) {
      EXPECT_TRUE(begun_.insert(item.job).second) << item.job << " began twice";
    }
  }

  void turn() {
    const std::vector<BatchItem> flying = one_.in_flight();
    const std::size_t choice = below(20);
    if (choice == 0) {
      both([](Batch& batch) { (void)batch.pause().has_value(); });
    } else if (choice == 1 && below(12) == 0) {
      both([this](Batch& batch) { (void)batch.abort(now_).has_value(); });
    } else if (choice < 4) {
      both([](Batch& batch) { (void)batch.resume().has_value(); });
    } else if (choice < 6) {
      both([](Batch& batch) { (void)batch.approve().has_value(); });
    } else if (choice == 6 && below(4) == 0) {
      const std::string node = "n" + std::to_string(below(8));
      both([&](Batch& batch) { batch.node_lost(node, now_); });
    } else if (!flying.empty()) {
      tell_of(flying[below(flying.size())]);
    }
  }

  void tell_of(const BatchItem& item) {
    const std::string node = item.node.empty() ? "n" + std::to_string(below(8)) : item.node;
    const std::size_t how = below(10);
    both([&](Batch& batch) {
      if (how < 4) {
        batch.accepted(item.job, node);
      } else if (how < 9) {
        batch.succeeded(item.job, now_);
      } else {
        batch.failed(item.job, "by chance", now_);
      }
    });
  }

  void check() {
    const BatchProgress progress = one_.progress();
    const std::size_t flying = one_.in_flight().size();
    EXPECT_EQ(flying, progress.count(ItemState::sent) + progress.count(ItemState::accepted));
    if (begun_.size() > one_.order().canary.items) {
      EXPECT_NE(progress.phase, BatchPhase::canary);
      EXPECT_NE(progress.phase, BatchPhase::canary_wait);
    }
    std::size_t all = 0;
    for (const std::size_t count : progress.counts) {
      all += count;
    }
    EXPECT_EQ(all, one_.order().items.size());
  }

  std::mt19937 random_;
  std::int64_t now_ = 1'700'000'000'000;  // unix ms
  Batch one_;
  Batch other_;
  std::set<std::string> begun_;
};

TEST(BatchTakeover, AtEveryStepTheOtherGoesOnTheSame) {
  std::set<std::string> outcomes;
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    Rollout rollout(seed);
    rollout.run();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    outcomes.insert(rollout.outcome());
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"aborted", "done", "failed"}));
}

TEST(BatchTakeover, WhoTakesOverKnowsWhatMayHaveBeenSent) {
  Batch batch(some_order(5, 3));
  batch.start_next(0);
  batch.accepted("j1", "n1");
  batch.succeeded("j2", 1);
  Batch taken = taken_over(batch);
  EXPECT_EQ(jobs_of(taken.in_flight()), "j1 j3");
  EXPECT_EQ(jobs_of(taken.start_next(2)), "j4");
}

TEST(BatchTakeover, WhatIsNoStateOfTheOrderIsBroken) {
  const Batch batch(some_order(3, 1));
  const json::Object good = *batch.state().object();
  ASSERT_TRUE(Batch::restore(batch.order(), good));
  const std::vector<std::pair<std::string, json::Value>> faults = {
      {"v", 2},
      {"batch", "another"},
      {"phase", "dancing"},
      {"stop", "never"},
      {"items", "ww"},
      {"items", "wws"},
      {"items", "q__"},
      {"items", 3},
      {"canary_ended_at", 5},
      {"nodes", nullptr},
      {"phase", "canary_wait"},
      {"nodes", json::Object{{"j9", "n1"}}},
      {"messages", json::Object{{"j1", 1}}}};
  for (const auto& [member, value] : faults) {
    json::Object bad = good;
    bad.set(member, value);
    const Result<Batch> restored = Batch::restore(batch.order(), bad);
    ASSERT_FALSE(restored) << member << " " << json::write(value);
    EXPECT_EQ(restored.error().code, Code::broken);
    EXPECT_TRUE(restored.error().message.starts_with("take batch roll over: "));
  }
  EXPECT_FALSE(Batch::restore(batch.order(), json::Value()));
}

TEST(BatchTakeover, TenThousandItemsAreWrittenInLittle) {
  Batch batch(some_order(kMostBatchItems, 1000));
  EXPECT_EQ(batch.start_next(0).size(), 1000U);
  EXPECT_LT(json::write(batch.state()).size(), 11'000U);
}

}  // namespace
}  // namespace drover::dispatch
