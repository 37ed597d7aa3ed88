#include "messaging/dispatch/campaigns/progress_pieces.h"

#include <gtest/gtest.h>

#include "fakes/temp_folder.h"
#include "messaging/dispatch/campaigns/campaign_order.h"
#include "messaging/dispatch/campaigns/sqlite_store.h"
#include "some_cluster.h"

namespace drover::dispatch {
namespace {

TEST(ProgressPieces, JoinedTheyAreTheBatch) {
  Batch batch(some_campaign(600, 400, anywhere).batch);
  batch.start_next(0);
  for (const char* job : {"j1", "j256", "j257", "j400"}) {
    batch.placed(job, "n7");
    batch.accepted(job, "n7");
  }
  batch.failed("j300", "by chance", 1);
  const Pieces pieces = to_pieces(batch, json::Object{{"cancel", true}});
  EXPECT_EQ(pieces.size(), 3U) << "of the last items none has begun";
  const Result<JoinedPieces> joined = join_pieces(batch.order(), pieces);
  ASSERT_TRUE(joined) << joined.error().message;
  EXPECT_EQ(joined->batch.state(), batch.state());
  EXPECT_TRUE(joined->head.find("cancel")->boolean_or(false));
}

TEST(ProgressPieces, AnItemChangesOneOfThemAlone) {
  Batch batch(some_campaign(kMostBatchItems, 1000, on_n1).batch);
  batch.start_next(0);
  const Pieces before = to_pieces(batch, {});
  batch.accepted("j700", "n1");
  const Pieces changed = changed_pieces(before, to_pieces(batch, {}));
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed.begin()->first, 3);
  EXPECT_LT(changed.begin()->second.size(), 400U);
}

TEST(ProgressPieces, WhatIsNotOfTheOrderIsBroken) {
  Batch batch(some_campaign(300, 300, on_n1).batch);
  batch.start_next(0);
  const Pieces good = to_pieces(batch, {});
  ASSERT_TRUE(join_pieces(batch.order(), good));
  const std::vector<std::pair<int, std::string>> faults = {{0, ""},
                                                           {0, "[]"},
                                                           {0, "{}"},
                                                           {1, "{}"},
                                                           {1, R"({"items":"ss"})"},
                                                           {3, R"({"items":"s"})"},
                                                           {-1, R"({"items":"s"})"}};
  for (const auto& [number, text] : faults) {
    Pieces bad = good;
    bad[number] = text;
    const Result<JoinedPieces> joined = join_pieces(batch.order(), bad);
    ASSERT_FALSE(joined) << number << " " << text;
    EXPECT_EQ(joined.error().code, Code::broken);
  }
  Pieces headless = good;
  headless.erase(0);
  EXPECT_FALSE(join_pieces(batch.order(), headless));
}

TEST(CampaignOrders, AreKeptAsTheyWere) {
  CampaignOrder order = some_campaign(3, 2, anywhere);
  order.ordered_at_unix_ms = 5;
  const auto kept = read_kept_order("roll", write_campaign_order(order));
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_TRUE(kept->is_same(order));
  EXPECT_EQ(kept->role, "submit");
  EXPECT_EQ(kept->ordered_at_unix_ms, 5);
  EXPECT_EQ(read_kept_order("other", write_campaign_order(order)).error().code, Code::broken);
}

TEST(CampaignOrders, EachItemHasItsJobAndItsNeeds) {
  const auto read = [](const char* text) { return read_campaign_order(*json::parse(text)); };
  EXPECT_TRUE(read(R"({"order":{"id":"a","items":[{"job":"j"}]},"jobs":[{"id":"j"}],
                       "needs":[{"cpus":1}]})"));
  EXPECT_FALSE(read(R"({"order":{"id":"a","items":[{"job":"j"}]},"jobs":[{"id":"k"}]})"));
  EXPECT_FALSE(read(R"({"order":{"id":"a","items":[{"job":"j"}]},"jobs":[]})"));
  EXPECT_FALSE(read(R"({"order":{"id":"a","items":[{"job":"j"}]},"jobs":[{"id":"j"}],
                        "needs":[]})"));
  EXPECT_FALSE(read(R"({"order":{"id":"a","items":[{"job":"j"}]},"jobs":[{"id":"j"}],
                        "needs":{"cpu":1}})"));
}

TEST(SqliteStore, IsOfOneProcessAndOfNoNewerVersion) {
  const fakes::TempFolder folder;
  const auto file = folder / "campaigns.db";
  {
    auto store = SqliteStore::open(file);
    ASSERT_TRUE(store) << store.error().message;
    StoredCampaign one{"a", "text", {{0, "head"}}};
    ASSERT_TRUE((*store)->create(one));
    ASSERT_TRUE((*store)->create(one)) << "the same once more";
    one.order = "another";
    EXPECT_EQ((*store)->create(one).error().code, Code::conflict);
    ASSERT_TRUE((*store)->write("a", {{0, "head2"}, {4, "piece"}}));
  }
  {
    auto store = SqliteStore::open(file);
    ASSERT_TRUE(store);
    const auto taken = (*store)->take();
    ASSERT_TRUE(taken);
    ASSERT_EQ(taken->campaigns.size(), 1U);
    EXPECT_EQ(taken->campaigns[0].progress, (Pieces{{0, "head2"}, {4, "piece"}}));
    EXPECT_TRUE((*store)->take()->campaigns.empty()) << "once";
    ASSERT_TRUE((*store)->remove("a"));
  }
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(handle, "PRAGMA user_version=9", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(handle);
  const auto newer = SqliteStore::open(file);
  ASSERT_FALSE(newer);
  EXPECT_NE(newer.error().message.find("newer"), std::string::npos);
}

}  // namespace
}  // namespace drover::dispatch
