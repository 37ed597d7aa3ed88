// Campaigns of several dispatchers, with members of a real etcd on a loopback of its own.
#include "messaging/dispatch/campaigns/etcd_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "fakes/etcd_cluster.h"
#include "messaging/dispatch/campaigns/campaigns.h"
#include "messaging/dispatch/campaigns/store_thread.h"
#include "some_cluster.h"

namespace drover::dispatch {
namespace {

using std::chrono::seconds;

/// One dispatcher's way to etcd, with a clock of its own for its claim.
struct Way {
  Way(const fakes::EtcdCluster& etcd, std::string its)
      : name(std::move(its)),
        gateway(std::move(*etcd::Gateway::make(etcd.settings()))),
        store(client, "drover", name, stop, {seconds(60), seconds(5)}, [this] { return now; }) {}
  /// Its process is gone, and the time of its claim over.
  void end_claim() {
    const etcd::RangeAnswer answer =
        *client.range({etcd::Keys::one("drover/claims/dispatcher." + name)}, stop);
    ASSERT_FALSE(answer.items.empty());
    ASSERT_TRUE(client.revoke(answer.items[0].lease, stop));
  }

  const std::string name;
  const system::Stop stop{};
  std::chrono::nanoseconds now = seconds(1000);
  std::unique_ptr<etcd::Gateway> gateway;
  etcd::Client client{*gateway};
  EtcdStore store;
};

class EtcdStoreTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { etcd_ = std::make_unique<fakes::EtcdCluster>(3); }
  static void TearDownTestSuite() { etcd_.reset(); }
  void SetUp() override {
    ASSERT_TRUE(way("x").client.remove({etcd::Keys::below("drover/")}, ways_[0]->stop));
  }
  Way& way(const std::string& name) {
    ways_.push_back(std::make_unique<Way>(*etcd_, name));
    return *ways_.back();
  }
  static StoredCampaign some(const std::string& id, std::size_t bytes) {
    return StoredCampaign{id, std::string(bytes, 'o'), {{0, "head"}, {1, "one"}}};
  }

  static std::unique_ptr<fakes::EtcdCluster> etcd_;
  std::vector<std::unique_ptr<Way>> ways_;
};
std::unique_ptr<fakes::EtcdCluster> EtcdStoreTest::etcd_;

TEST_F(EtcdStoreTest, WhatOneHasTheOtherSeesAndTakesWhenItsClaimHasEnded) {
  Way& d1 = way("d1");
  Way& d2 = way("d2");
  ASSERT_TRUE(d1.store.take()->afresh);
  ASSERT_TRUE(d2.store.take()->afresh);
  const StoredCampaign large = some("large", 1'300'000);  // more than a request of etcd's can have
  const auto created = d1.store.create(large);
  ASSERT_TRUE(created) << created.error().message;
  ASSERT_TRUE(d1.store.write("large", {{1, "one, later"}}));
  const auto seen = d2.store.take();
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->elsewhere, (std::map<std::string, std::string>{{"large", "d1"}}));
  EXPECT_TRUE(seen->campaigns.empty());
  EXPECT_EQ(d2.store.create(large).error().code, Code::unavailable);

  d1.end_claim();
  EXPECT_EQ(d1.store.write("large", {{1, "too late"}}).error().code, Code::unavailable);
  const auto taken = d2.store.take();
  ASSERT_TRUE(taken) << taken.error().message;
  ASSERT_EQ(taken->campaigns.size(), 1U);
  EXPECT_EQ(taken->campaigns[0].order, large.order);
  EXPECT_EQ(taken->campaigns[0].progress, (Pieces{{0, "head"}, {1, "one, later"}}));
  EXPECT_EQ(d1.store.write("large", {{1, "too late"}}).error().code, Code::conflict);
  ASSERT_TRUE(d2.store.write("large", {{0, "head, later"}}));

  d1.now += seconds(30);  // it is time to renew
  const auto again = d1.store.take();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->afresh);
  EXPECT_TRUE(again->campaigns.empty());
  EXPECT_EQ(again->elsewhere.at("large"), "d2");
  ASSERT_TRUE(d2.store.remove("large"));
  EXPECT_EQ(d2.client.range({etcd::Keys::below("drover/campaigns/")}, d2.stop)->items.size(), 0U);
}

TEST_F(EtcdStoreTest, AfterItsOwnRestartItHasWhatItHad) {
  Way& before = way("d1");
  ASSERT_TRUE(before.store.take());
  ASSERT_TRUE(before.store.create(some("a", 10)));
  Way& after = way("d1");
  EXPECT_EQ(after.store.take().error().code, Code::conflict) << "the former claim stands yet";
  EXPECT_FALSE(after.store.holds());
  before.end_claim();
  const auto taken = after.store.take();
  ASSERT_TRUE(taken) << taken.error().message;
  ASSERT_EQ(taken->campaigns.size(), 1U);
  EXPECT_TRUE(after.store.holds());
  EXPECT_EQ(before.store.write("a", {{1, "x"}}).error().code, Code::conflict);
}

TEST_F(EtcdStoreTest, WhatWasGivenUpIsTakenAtOnce) {
  Way& d1 = way("d1");
  Way& d2 = way("d2");
  ASSERT_TRUE(d1.store.take());
  ASSERT_TRUE(d2.store.take());
  ASSERT_TRUE(d1.store.create(some("a", 10)));
  ASSERT_TRUE(d1.store.release());
  EXPECT_FALSE(d1.store.holds());
  EXPECT_EQ(d2.store.take()->campaigns.size(), 1U);
}

TEST_F(EtcdStoreTest, HoldsNothingOnceTheTimeOfItsClaimIsOver) {
  Way& d1 = way("d1");
  ASSERT_TRUE(d1.store.take());
  EXPECT_TRUE(d1.store.holds());
  d1.now += seconds(55);
  EXPECT_FALSE(d1.store.holds());
}

TEST_F(EtcdStoreTest, OneWhoseMakingWasNotEndedIsRemoved) {
  Way& d1 = way("d1");
  Way& d2 = way("d2");
  ASSERT_TRUE(d1.store.take());
  ASSERT_TRUE(d2.store.take());
  ASSERT_TRUE(d1.client.put(
      {"drover/owners/half", R"({"dispatcher":"d9","attempt":3,"chunks":2,"whole":false})"},
      d1.stop));
  ASSERT_TRUE(d1.client.put({"drover/campaigns/half/order/0", "text"}, d1.stop));
  const auto taken = d2.store.take();
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_TRUE(taken->campaigns.empty());
  ASSERT_TRUE(d1.store.create(some("half", 20))) << "whoever ordered it does so again";
}

TEST_F(EtcdStoreTest, AWriteWhoseAnswerWasLostIsFoundByTheNext) {
  Way& d1 = way("d1");
  ASSERT_TRUE(d1.store.take());
  ASSERT_TRUE(d1.store.create(some("a", 10)));
  // As it is when a member did it and was gone before it said so.
  ASSERT_TRUE(d1.client.put({"drover/campaigns/a/progress/0", "2 head, lost"}, d1.stop));
  ASSERT_TRUE(d1.store.write("a", {{1, "one, later"}}));
  EXPECT_EQ(d1.client.range({etcd::Keys::one("drover/campaigns/a/progress/0")}, d1.stop)
                ->items.at(0)
                .value,
            "3 head, lost");
}

TEST_F(EtcdStoreTest, AnotherDispatcherCarriesOnAndWhoWokeLateChangesNothing) {
  SomeCluster cluster({"n1", "n2", "n3"});
  Way& d1 = way("d1");
  Way& d2 = way("d2");
  SomeDispatcher first(cluster, d1.store);
  SomeDispatcher second(cluster, d2.store);
  first.campaigns().order(some_campaign(9, 2, anywhere), first.answer());
  first.pump();
  ASSERT_EQ(first.answers.size(), 1U);
  ASSERT_TRUE(first.answers[0]) << first.answers[0].error().message;
  for (int i = 0; i < 4; ++i) {
    cluster.second();
  }
  EXPECT_EQ(second.campaigns().list().at("elsewhere").array()->size(), 1U);
  // It sleeps: its claim ends, and then it wakes with what it had in hand.
  first.stopped = true;
  d1.end_claim();
  d1.now += seconds(100);
  const std::size_t leader = etcd_->leader();
  etcd_->kill(leader);
  for (int i = 0; i < 20 && second.told.empty(); ++i) {
    cluster.second();
    ASSERT_LE(cluster.running(), 2U);
  }
  EXPECT_THAT(second.told, testing::Contains("batch_taken_over roll"));
  first.stopped = false;
  EXPECT_EQ(second.outcome(), "");
  for (int i = 0; i < 100 && (i < 10 || second.outcome().empty()); ++i) {
    cluster.second();
    ASSERT_LE(cluster.running(), 2U);
  }
  EXPECT_EQ(second.outcome(), "done");
  EXPECT_EQ(cluster.begun.size(), 9U);
  for (const auto& [job, times] : cluster.begun) {
    EXPECT_EQ(times, 1) << job;
  }
  const auto asked = first.campaigns().show("roll", "");
  ASSERT_FALSE(asked);
  EXPECT_THAT(asked.error().message, testing::HasSubstr("driven by dispatcher d2"));
  etcd_->start(leader);
}

}  // namespace
}  // namespace drover::dispatch
