// Batches that a dispatcher drives, on a file.
#include "messaging/dispatch/campaigns/campaigns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/temp_folder.h"
#include "messaging/dispatch/campaigns/sqlite_store.h"
#include "some_cluster.h"

namespace drover::dispatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CampaignsTest : public testing::Test {
 protected:
  CampaignsTest() { start(); }
  /// Another process, on the same file.
  void start(CampaignLimits limits = {}) {
    dispatcher_.reset();
    store_.reset();
    Result<std::unique_ptr<SqliteStore>> store = SqliteStore::open(folder_ / "campaigns.db");
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    dispatcher_ = std::make_unique<SomeDispatcher>(cluster_, *store_, limits);
  }
  Campaigns& it() { return dispatcher_->campaigns(); }
  Result<json::Value> order(CampaignOrder order) {
    it().order(std::move(order), dispatcher_->answer());
    dispatcher_->pump();
    return last();
  }
  Result<json::Value> last() {
    EXPECT_FALSE(dispatcher_->answers.empty());
    return dispatcher_->answers.empty() ? Result<json::Value>(json::Value())
                                        : dispatcher_->answers.back();
  }
  Result<json::Value> then(const std::function<void(const Campaigns::Answer&)>& ask) {
    dispatcher_->answers.clear();
    ask(dispatcher_->answer());
    dispatcher_->pump();
    return last();
  }
  void seconds(int count) {
    for (int i = 0; i < count; ++i) {
      cluster_.second();
    }
  }
  /// Until it has ended; how it did.
  std::string run() {
    for (int i = 0; i < 300 && dispatcher_->outcome().empty(); ++i) {
      cluster_.second();
      EXPECT_LE(cluster_.running(), most_);
    }
    return dispatcher_->outcome();
  }

  fakes::TempFolder folder_;
  SomeCluster cluster_{{"n1", "n2", "n3"}};
  std::size_t most_ = 1000;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<SomeDispatcher> dispatcher_;
};

TEST_F(CampaignsTest, RunsAFewAtATimeToItsEnd) {
  most_ = 2;
  const auto answer =
      order(some_campaign(7, 2, [](std::size_t i) { return i % 2 == 0 ? "n2" : ""; }));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->at("batch").at("by").string_or(""), "alice");
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(dispatcher_->count("succeeded"), 7);
  EXPECT_EQ(cluster_.begun.size(), 7U);
  EXPECT_EQ(cluster_.node_of("j2"), "n2");
  EXPECT_THAT(dispatcher_->told, ElementsAre("batch_started roll", "batch_ended roll"));
  EXPECT_THAT(dispatcher_->faults, testing::IsEmpty());
}

TEST_F(CampaignsTest, TheSameOnceMoreIsTheSameBatchAndAnotherIsAConflict) {
  ASSERT_TRUE(order(some_campaign(3, 1, on_n1)));
  const auto again = order(some_campaign(3, 1, on_n1));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->at("duplicate").boolean_or(false));
  EXPECT_EQ(order(some_campaign(4, 1, on_n1)).error().code, Code::conflict);
  CampaignOrder of_bob = some_campaign(3, 1, on_n1);
  of_bob.by = "bob";
  EXPECT_EQ(order(of_bob).error().code, Code::conflict);
  CampaignOrder same_jobs = some_campaign(3, 1, on_n1);
  same_jobs.batch.id = "other";
  EXPECT_THAT(order(same_jobs).error().message, HasSubstr("job j1 is one of batch roll"));
  EXPECT_EQ(run(), "done");
  start();
  const auto later = order(some_campaign(3, 1, on_n1));
  ASSERT_TRUE(later);
  EXPECT_EQ(later->at("batch").at("outcome").string_or(""), "done") << "also after a restart";
  EXPECT_EQ(cluster_.begun["j1"], 1);
}

TEST_F(CampaignsTest, PausedItBeginsNothingUntilItIsResumedAlsoByAnotherProcess) {
  ASSERT_TRUE(order(some_campaign(6, 1, on_n1)));
  seconds(3);
  ASSERT_TRUE(then([&](const auto& answer) { it().pause("roll", answer); }));
  start();
  seconds(20);
  const std::size_t begun = cluster_.begun.size();
  EXPECT_LT(begun, 6U);
  seconds(20);
  EXPECT_EQ(cluster_.begun.size(), begun);
  ASSERT_TRUE(then([&](const auto& answer) { it().resume("roll", answer); }));
  EXPECT_EQ(run(), "done");
}

TEST_F(CampaignsTest, AbortedItSkipsTheRestAndCancelsByOrder) {
  ASSERT_TRUE(order(some_campaign(6, 2, on_n1)));
  seconds(1);
  ASSERT_EQ(cluster_.running(), 2U);
  ASSERT_TRUE(then([&](const auto& answer) { it().abort("roll", true, answer); }));
  EXPECT_EQ(run(), "aborted");
  EXPECT_EQ(dispatcher_->count("failed"), 2);
  EXPECT_EQ(dispatcher_->count("skipped"), 4);
  EXPECT_EQ(cluster_.nodes["n1"].jobs["j1"], "cancelled");
  EXPECT_EQ(then([&](const auto& answer) { it().abort("roll", true, answer); }).error().code,
            Code::conflict);
}

TEST_F(CampaignsTest, ItsCanaryWaitsForApprovalAndTooManyFailuresEndIt) {
  CampaignOrder careful = some_campaign(6, 2, on_n1);
  careful.batch.canary.items = 1;
  cluster_.nodes["n1"].fail = {"j3"};
  ASSERT_TRUE(order(careful));
  seconds(20);
  EXPECT_EQ(cluster_.begun.size(), 1U);
  ASSERT_TRUE(then([&](const auto& answer) { it().approve("roll", answer); }));
  EXPECT_EQ(run(), "failed");
  EXPECT_EQ(dispatcher_->count("failed"), 1);
  EXPECT_GT(dispatcher_->count("skipped"), 0);
  EXPECT_EQ(it().show("roll", "j2")->at("items").array()->at(0).at("message").string_or(""),
            "it did not work");
}

TEST_F(CampaignsTest, WhatOneNodeRefusesIsPlacedOnAnother) {
  cluster_.nodes["n1"].refuses = Error{Code::unavailable, "busy", {}};
  cluster_.nodes["n3"].refuses = Error{Code::refused, "policy", {}};
  ASSERT_TRUE(order(some_campaign(4, 2, anywhere)));
  EXPECT_EQ(run(), "done");
  EXPECT_EQ(cluster_.nodes["n2"].jobs.size(), 4U);
}

TEST_F(CampaignsTest, WhatNoNodeTakesFailsWithEveryReason) {
  for (auto& [name, node] : cluster_.nodes) {
    node.refuses = Error{Code::refused, name + " has no room", {}};
  }
  ASSERT_TRUE(order(some_campaign(1, 1, anywhere)));
  EXPECT_EQ(run(), "failed");
  const auto shown = it().show("roll", "");
  const std::string why(shown->at("items").array()->at(0).at("message").string_or(""));
  EXPECT_THAT(why, HasSubstr("n1: n1 has no room"));
  EXPECT_THAT(why, HasSubstr("n3: n3 has no room"));
}

TEST_F(CampaignsTest, AnItemWaitsForItsNodeAndThenFails) {
  cluster_.nodes["n1"].liveness = Liveness::dead;
  ASSERT_TRUE(order(some_campaign(2, 1, on_n1)));
  seconds(30);
  EXPECT_EQ(dispatcher_->outcome(), "");
  cluster_.change("n1", NodeChange::What::back, Liveness::alive);
  seconds(1);
  EXPECT_EQ(cluster_.running(), 1U);
  EXPECT_EQ(run(), "done");

  CampaignOrder nowhere = some_campaign(1, 1, [](std::size_t) { return "n9"; });
  nowhere.batch.id = "nowhere";
  nowhere.batch.items[0].job = "k1";
  nowhere.bodies[0] = R"({"id":"k1"})";
  ASSERT_TRUE(order(nowhere));
  seconds(65);
  EXPECT_EQ(dispatcher_->shown("nowhere").at("outcome").string_or(""), "failed");
}

TEST_F(CampaignsTest, WhatADeadNodeHadIsLostAndKnownWhenItIsBack) {
  CampaignOrder lenient = some_campaign(3, 1, [](std::size_t i) { return i == 1 ? "n1" : "n2"; });
  lenient.batch.max_failures.most = 3;
  ASSERT_TRUE(order(lenient));
  seconds(1);
  cluster_.change("n1", NodeChange::What::dead, Liveness::dead);
  EXPECT_EQ(dispatcher_->count("lost"), 1);
  EXPECT_EQ(run(), "done");
  start();
  cluster_.change("n1", NodeChange::What::back, Liveness::alive);
  seconds(2);
  EXPECT_EQ(dispatcher_->count("lost"), 0);
  EXPECT_EQ(dispatcher_->count("succeeded"), 3);
  EXPECT_EQ(cluster_.begun["j1"], 1);
}

TEST_F(CampaignsTest, AJobThatItsNodeHasForgottenIsNotBegunOnceMore) {
  ASSERT_TRUE(order(some_campaign(2, 1, on_n1)));
  seconds(1);
  cluster_.change("n1", NodeChange::What::dead, Liveness::dead);
  cluster_.nodes["n1"].jobs.clear();  // its journal is lost
  cluster_.nodes["n1"].seconds.clear();
  cluster_.change("n1", NodeChange::What::back, Liveness::alive);
  seconds(3);
  EXPECT_EQ(run(), "failed");
  EXPECT_EQ(cluster_.begun["j1"], 1);
}

TEST_F(CampaignsTest, AMessageThatIsLostIsSentAgain) {
  ASSERT_TRUE(order(some_campaign(1, 1, on_n1)));
  cluster_.wire.clear();
  seconds(9);
  EXPECT_TRUE(cluster_.begun.empty());
  EXPECT_EQ(run(), "done");
  EXPECT_THAT(dispatcher_->sent, ElementsAre("j1 n1", "j1 n1"));
}

TEST_F(CampaignsTest, IsBoundedInNumberAndBytesAndForgetsWhatEndedFirst) {
  CampaignLimits limits;
  limits.running = 2;
  limits.kept = 2;
  start(limits);
  const auto named = [](const std::string& id) {
    CampaignOrder order = some_campaign(1, 1, on_n1);
    order.batch.id = id;
    order.batch.items[0].job = id + "-1";
    order.bodies[0] = R"({"id":")" + id + R"(-1"})";
    return order;
  };
  ASSERT_TRUE(order(named("a")));
  ASSERT_TRUE(order(named("b")));
  const auto third = order(named("c"));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::unavailable);
  seconds(5);
  ASSERT_TRUE(order(named("c")));
  EXPECT_EQ(it().list().at("batches").array()->size(), 2U);
  EXPECT_EQ(it().show("a", "").error().code, Code::not_found);
  seconds(5);
  start();
  EXPECT_EQ(it().list().at("batches").array()->size(), 2U) << "forgotten in the file, too";
  cluster_.clock.advance(std::chrono::hours(8 * 24));
  seconds(1);
  EXPECT_EQ(it().list().at("batches").array()->size(), 0U);

  limits.bytes = 1000;
  start(limits);
  CampaignOrder large = named("large");
  large.bodies[0] += std::string(1000, ' ');
  EXPECT_EQ(order(large).error().code, Code::unavailable);
}

TEST_F(CampaignsTest, ShowsManyItemsInParts) {
  ASSERT_TRUE(order(some_campaign(5000, 1, on_n1)));
  std::string after;
  std::size_t seen = 0;
  for (int part = 0; part < 10; ++part) {
    const auto shown = it().show("roll", after);
    ASSERT_TRUE(shown);
    EXPECT_LT(json::write(*shown).size(), std::size_t{256} << 10);
    seen += shown->at("items").array()->size();
    after = shown->at("items").array()->back().at("job").string_or("");
    if (shown->at("whole").boolean_or(false)) {
      break;
    }
  }
  EXPECT_EQ(seen, 5000U);
}

TEST_F(CampaignsTest, WhatIsDamagedIsToldAndTheOthersGoOn) {
  ASSERT_TRUE(order(some_campaign(2, 1, on_n1)));
  StoredCampaign bad{"bad", "{}", {{0, "{}"}}};
  ASSERT_TRUE(store_->create(bad));
  bad.id = "worse";
  bad.order = write_campaign_order(some_campaign(1, 1, on_n1));
  ASSERT_TRUE(store_->create(bad));
  start();
  EXPECT_THAT(dispatcher_->faults,
              ElementsAre(HasSubstr("take batch bad over"), HasSubstr("take batch worse over")));
  EXPECT_EQ(run(), "done");
}

}  // namespace
}  // namespace drover::dispatch
