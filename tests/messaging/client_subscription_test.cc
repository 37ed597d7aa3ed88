#include <gtest/gtest.h>

#include <chrono>

#include "fakes/fake_node.h"
#include "messaging/client/subscription.h"

namespace drover::messaging {
namespace {

using fakes::FakeNode;
using fakes::FakeState;
using std::chrono::milliseconds;

class ClientSubscription : public testing::Test {
 protected:
  void SetUp() override {
    Result<Client> client =
        Client::open(node_.bus(), ClientOptions{.first_resend = milliseconds(20),
                                                .query_timeout = milliseconds(20'000),
                                                .connect_timeout = milliseconds(20'000)});
    ASSERT_TRUE(client) << client.error().message;
    client_.emplace(std::move(*client));
  }
  void tell(int count) {
    node_.call([&](FakeState& state, FakeNode::Faults&) {
      for (int i = 0; i < count; ++i) {
        state.tell("node", "fake", "ticked", "", {});
      }
    });
  }
  Subscription open(std::optional<std::uint64_t> after = {}) {
    return after ? open_behind(EventPosition{"", *after}) : open_behind({});
  }
  Subscription open_behind(const std::optional<EventPosition>& after) {
    Result<Subscription> subscription = Subscription::open(*client_, after, stop_);
    EXPECT_TRUE(subscription) << subscription.error().message;
    return std::move(*subscription);
  }
  Notice next(Subscription& subscription) {
    Result<std::optional<Notice>> notice =
        subscription.next(client_->in(milliseconds(20'000)), stop_);
    EXPECT_TRUE(notice) << notice.error().message;
    EXPECT_TRUE(notice->has_value()) << "no notice came";
    return notice->value();
  }
  /// The numbers of the next `count` events; 0 stands for a snapshot.
  std::vector<std::uint64_t> numbers(Subscription& subscription, int count) {
    std::vector<std::uint64_t> seen;
    for (int i = 0; i < count; ++i) {
      const Notice notice = next(subscription);
      const Event* event = std::get_if<Event>(&notice);
      seen.push_back(event == nullptr ? 0 : event->seq);
    }
    return seen;
  }

  FakeNode node_;
  std::optional<Client> client_;
  system::Stop stop_;
};

TEST_F(ClientSubscription, BeginsWithASnapshotAndGoesOnBehindIt) {
  tell(3);
  Subscription subscription = open();
  const Notice first = next(subscription);
  const Snapshot* snapshot = std::get_if<Snapshot>(&first);
  ASSERT_NE(snapshot, nullptr);
  EXPECT_EQ(snapshot->seq, 3U);
  EXPECT_EQ(snapshot->node, "fake");
  tell(4);
  EXPECT_EQ(numbers(subscription, 4), (std::vector<std::uint64_t>{4, 5, 6, 7}));
}

TEST_F(ClientSubscription, ReplaysWhatCameBeforeItWasOpened) {
  tell(600);  // more than a page
  Subscription subscription = open(590);
  EXPECT_EQ(numbers(subscription, 10),
            (std::vector<std::uint64_t>{591, 592, 593, 594, 595, 596, 597, 598, 599, 600}));
  Subscription all = open(0);
  const std::vector<std::uint64_t> seen = numbers(all, 600);
  EXPECT_EQ(seen.front(), 1U);
  EXPECT_EQ(seen.back(), 600U);
}

TEST_F(ClientSubscription, FillsAGapInOrderAndGivesNothingTwice) {
  Subscription subscription = open(0);
  tell(2);
  EXPECT_EQ(numbers(subscription, 2), (std::vector<std::uint64_t>{1, 2}));
  node_.call([](FakeState&, FakeNode::Faults& faults) { faults.lose_events = 5; });
  tell(8);  // 3 to 7 are never published
  EXPECT_EQ(numbers(subscription, 8), (std::vector<std::uint64_t>{3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_GE(subscription.replays(), 1U);
}

TEST_F(ClientSubscription, ABeaconTellsOfALostLastEvent) {
  Subscription subscription = open(0);
  tell(1);
  EXPECT_EQ(numbers(subscription, 1), (std::vector<std::uint64_t>{1}));
  node_.call([](FakeState&, FakeNode::Faults& faults) { faults.lose_events = 2; });
  tell(2);
  EXPECT_EQ(numbers(subscription, 2), (std::vector<std::uint64_t>{2, 3}));
}

TEST_F(ClientSubscription, FindsEventsOfANodeWhosePublisherIsMute) {
  node_.call([](FakeState&, FakeNode::Faults& faults) {
    faults.beacons = false;
    faults.lose_events = 1'000'000;
  });
  Subscription subscription = open(0);
  tell(3);
  EXPECT_EQ(numbers(subscription, 3), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(ClientSubscription, ANewEpochBeginsWithASnapshot) {
  tell(5);
  Subscription subscription = open(4);
  EXPECT_EQ(numbers(subscription, 1), (std::vector<std::uint64_t>{5}));
  node_.call([](FakeState& state, FakeNode::Faults&) { state.renew_epoch(); });
  const Notice notice = next(subscription);
  const Snapshot* snapshot = std::get_if<Snapshot>(&notice);
  ASSERT_NE(snapshot, nullptr);
  EXPECT_EQ(snapshot->epoch, "epoch-1+");
  EXPECT_EQ(snapshot->seq, 0U);
  tell(2);
  EXPECT_EQ(numbers(subscription, 2), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(ClientSubscription, APositionOfALostJournalIsNotGoneOnWithInTheNextOne) {
  tell(5);
  Subscription before = open(0);
  EXPECT_EQ(numbers(before, 3), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(before.position(), (EventPosition{"epoch-1", 3}));
  node_.call([](FakeState& state, FakeNode::Faults&) { state.renew_epoch(); });
  tell(8);  // there is a number 4 again, and it is another event
  Subscription after = open_behind(before.position());
  const Notice notice = next(after);
  const Snapshot* snapshot = std::get_if<Snapshot>(&notice);
  ASSERT_NE(snapshot, nullptr) << "it went on with event " << std::get<Event>(notice).seq;
  EXPECT_EQ(snapshot->epoch, "epoch-1+");
  EXPECT_EQ(after.position(), (EventPosition{"epoch-1+", 8}));
}

TEST_F(ClientSubscription, AnAfterThatTheNodeNeverCameToGivesASnapshot) {
  tell(2);
  Subscription subscription = open(100);
  EXPECT_EQ(numbers(subscription, 1), (std::vector<std::uint64_t>{0}));
}

TEST_F(ClientSubscription, GivesNothingWhenNothingHappens) {
  Subscription subscription = open(0);
  const auto notice = subscription.next(client_->in(milliseconds(100)), stop_);
  ASSERT_TRUE(notice);
  EXPECT_FALSE(notice->has_value());
}

TEST_F(ClientSubscription, StopsWhenAsked) {
  Subscription subscription = open(0);
  stop_.request();
  const auto notice = subscription.next(client_->in(milliseconds(20'000)), stop_);
  ASSERT_FALSE(notice);
  EXPECT_EQ(notice.error().code, Code::cancelled);
}

TEST_F(ClientSubscription, SaysSoWhenTheNodeIsSilent) {
  Result<Client> client =
      Client::open(node_.bus(), ClientOptions{.first_resend = milliseconds(20),
                                              .query_timeout = milliseconds(50),
                                              .connect_timeout = milliseconds(20'000),
                                              .silence_limit = milliseconds(100)});
  ASSERT_TRUE(client);
  Result<Subscription> subscription = Subscription::open(*client, EventPosition{}, stop_);
  ASSERT_TRUE(subscription);
  node_.call([](FakeState&, FakeNode::Faults& faults) {
    faults.beacons = false;
    faults.drop = 1'000'000;
  });
  const auto notice = subscription->next(client->in(milliseconds(20'000)), stop_);
  ASSERT_FALSE(notice);
  EXPECT_EQ(notice.error().code, Code::unavailable);
  EXPECT_NE(notice.error().message.find("is droverd running?"), std::string::npos);
}

}  // namespace
}  // namespace drover::messaging
