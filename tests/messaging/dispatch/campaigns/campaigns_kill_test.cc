// The dispatcher ends at each write: whoever goes on sends every job, and no node does one twice.
#include <gtest/gtest.h>

#include "fakes/temp_folder.h"
#include "messaging/dispatch/campaigns/campaigns.h"
#include "messaging/dispatch/campaigns/sqlite_store.h"
#include "some_cluster.h"

namespace drover::dispatch {
namespace {

constexpr std::size_t kItems = 7;
constexpr std::size_t kConcurrency = 3;

/// Ends its dispatcher at a change, before that is done or behind it.
class MortalStore : public CampaignStore {
 public:
  MortalStore(CampaignStore& store, int changes, bool behind)
      : store_(store), left_(changes), behind_(behind) {}

  Result<> create(const StoredCampaign& campaign) override {
    return mortally([&] { return store_.create(campaign); });
  }
  Result<> write(const std::string& id, const Pieces& changed) override {
    return mortally([&] { return store_.write(id, changed); });
  }
  Result<> remove(const std::string& id) override {
    return mortally([&] { return store_.remove(id); });
  }
  Result<TakenCampaigns> take() override { return store_.take(); }
  bool holds() const override { return true; }

  bool* kills = nullptr;

 private:
  template <class Change>
  Result<> mortally(const Change& change) {
    const bool dies = left_-- == 0;
    if (dies) {
      *kills = true;
    }
    return dies && !behind_ ? Result<>() : change();
  }

  CampaignStore& store_;
  int left_;
  bool behind_;
};

struct Outcome {
  bool killed = false;
  std::map<std::string, int> begun{};
};

/// One batch, whose dispatcher ends at that change. Where nobody was answered that it is accepted
/// it is ordered again, as clients do.
void run(int changes, bool behind, Outcome& outcome) {
  const fakes::TempFolder folder;
  const auto open = [&folder] { return *SqliteStore::open(folder / "campaigns.db"); };
  SomeCluster cluster({"n1", "n2", "n3"});
  const auto node = [](std::size_t i) { return std::string(i % 3 == 0 ? "n2" : ""); };
  const auto go_on = [&](SomeDispatcher& dispatcher) {
    for (int i = 0; i < 200 && !dispatcher.dead && dispatcher.outcome().empty(); ++i) {
      cluster.second();
      ASSERT_LE(cluster.running(), kConcurrency);
    }
  };
  bool answered = false;
  {
    const std::unique_ptr<CampaignStore> file = open();
    MortalStore mortal(*file, changes, behind);
    bool dead_before_it_began = false;
    mortal.kills = &dead_before_it_began;
    SomeDispatcher first(cluster, mortal);
    mortal.kills = &first.dead;
    first.campaigns().order(some_campaign(kItems, kConcurrency, node), first.answer());
    first.pump();
    answered = !first.answers.empty();
    go_on(first);
    outcome.killed = first.dead;
  }
  const std::unique_ptr<CampaignStore> file = open();
  SomeDispatcher second(cluster, *file);
  if (!answered) {
    second.campaigns().order(some_campaign(kItems, kConcurrency, node), second.answer());
    second.pump();
    ASSERT_EQ(second.answers.size(), 1U);
    ASSERT_TRUE(second.answers[0]) << second.answers[0].error().message;
  }
  go_on(second);
  EXPECT_EQ(second.outcome(), "done");
  EXPECT_EQ(second.count("succeeded"), static_cast<std::int64_t>(kItems));
  outcome.begun = cluster.begun;
}

TEST(CampaignsKill, AtEveryWriteAnotherProcessGoesOn) {
  for (const bool behind : {false, true}) {
    Outcome outcome{true};
    int changes = 0;
    for (; outcome.killed; ++changes) {
      ASSERT_LT(changes, 200);
      SCOPED_TRACE(testing::Message()
                   << "killed " << (behind ? "behind" : "before") << " change " << changes);
      run(changes, behind, outcome);
      EXPECT_EQ(outcome.begun.size(), kItems);
      for (const auto& [job, times] : outcome.begun) {
        EXPECT_EQ(times, 1) << job;
      }
      ASSERT_FALSE(testing::Test::HasFailure());
    }
    EXPECT_GT(changes, 5) << "there were writes to end at";
  }
}

}  // namespace
}  // namespace drover::dispatch
