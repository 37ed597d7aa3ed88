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
    Result<Subscription> subscription = Subscription::open(*client_, {.after = after}, stop_);
    EXPECT_TRUE(subscription) << subscription.error().message;
    return std::move(*subscription);
  }
  Subscription open_with(const SubscriptionOptions& options) {
    Result<Subscription> subscription = Subscription::open(*client_, options, stop_);
    EXPECT_TRUE(subscription) << subscription.error().message;
    return std::move(*subscription);
  }
  /// An event of each.
  void tell_of(const std::vector<std::pair<std::string, std::string>>& kinds_and_objects) {
    node_.call([&](FakeState& state, FakeNode::Faults&) {
      for (const auto& [kind, object] : kinds_and_objects) {
        state.tell(kind, object, "ticked", "", {});
      }
    });
  }
  void lose(int count) {
    node_.call([&](FakeState&, FakeNode::Faults& faults) { faults.lose_events = count; });
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

TEST_F(ClientSubscription, OfOneKindALossIsToldFromWhatIsNotWanted) {
  Subscription events =
      open_with({.after = EventPosition{}, .filter = {.kinds = {"container"}, .object = ""}});
  tell_of({{"job", "j1"}, {"container", "a"}, {"job", "j1"}});
  EXPECT_EQ(numbers(events, 1), (std::vector<std::uint64_t>{2}));
  const std::uint64_t replays = events.replays();
  const std::size_t asked = node_.count("query.events");
  tell_of({{"job", "j2"}, {"node", "fake"}, {"container", "b"}, {"job", "j2"}, {"container", "a"}});
  EXPECT_EQ(numbers(events, 2), (std::vector<std::uint64_t>{6, 8}));
  EXPECT_EQ(node_.count("query.events"), asked) << "it took what is not wanted for a loss";
  lose(2);
  tell_of({{"container", "a"}, {"job", "j3"}, {"container", "b"}});
  EXPECT_EQ(numbers(events, 2), (std::vector<std::uint64_t>{9, 11}));
  EXPECT_EQ(events.replays(), replays + 1);
  lose(1);
  tell_of({{"container", "c"}});  // and none behind it: the beacon counts it
  EXPECT_EQ(numbers(events, 1), (std::vector<std::uint64_t>{12}));
}

TEST_F(ClientSubscription, WhatTheFilterLeavesOutIsNotSent) {
  Subscription events =
      open_with({.after = EventPosition{}, .filter = {.kinds = {"container"}, .object = ""}});
  tell_of({{"container", "a"}});
  EXPECT_EQ(numbers(events, 1), (std::vector<std::uint64_t>{1}));
  // Whoever got this one would take it for the first of a new journal.
  node_.call([](FakeState& state, FakeNode::Faults&) {
    state.epoch = "another";
    state.tell("node", "fake", "ticked", "", {});
    state.epoch = "epoch-1";
  });
  tell_of({{"container", "a"}});
  EXPECT_EQ(numbers(events, 1), (std::vector<std::uint64_t>{3}));
}

TEST_F(ClientSubscription, OfOneObjectALossIsToldByItsOwnNumber) {
  tell_of({{"container", "a"}, {"container", "b"}});
  Subscription events = open_with(
      {.after = EventPosition{"epoch-1", 2}, .filter = {.kinds = {"container"}, .object = "a"}});
  tell_of({{"container", "b"}, {"container", "a"}, {"container", "ab"}, {"container", "a"}});
  EXPECT_EQ(numbers(events, 2), (std::vector<std::uint64_t>{4, 6}));
  lose(1);
  tell_of({{"container", "a"}, {"container", "b"}, {"container", "a"}});
  EXPECT_EQ(numbers(events, 2), (std::vector<std::uint64_t>{7, 9}));
  lose(1);
  tell_of({{"container", "a"}});
  EXPECT_EQ(numbers(events, 1), (std::vector<std::uint64_t>{10}));
}

TEST_F(ClientSubscription, OfSeveralKindsAndNamesNothingIsLostOrOutOfOrder) {
  Subscription events = open_with(
      {.after = EventPosition{}, .filter = {.kinds = {"container", "volume"}, .object = "web-*"}});
  tell_of({{"container", "web-1"}, {"job", "web-2"}, {"volume", "web-1"}});
  EXPECT_EQ(numbers(events, 2), (std::vector<std::uint64_t>{1, 3}));
  lose(2);
  tell_of({{"volume", "web-2"}, {"container", "db"}, {"container", "web-2"}});
  EXPECT_EQ(numbers(events, 2), (std::vector<std::uint64_t>{4, 6}));
}

TEST_F(ClientSubscription, APositionIsBehindWhatTheFilterHasLeftOut) {
  Subscription events =
      open_with({.after = EventPosition{}, .filter = {.kinds = {"volume"}, .object = ""}});
  tell_of({{"job", "j1"}, {"job", "j1"}, {"job", "j1"}});
  const auto limit = client_->in(milliseconds(20'000));
  while (events.position().seq < 3 && std::chrono::steady_clock::now() < limit) {
    ASSERT_TRUE(events.next(client_->in(milliseconds(20)), stop_));
  }
  EXPECT_EQ(events.position(), (EventPosition{"epoch-1", 3}));
}

TEST_F(ClientSubscription, ASnapshotHasWhatWasAskedFor) {
  node_.call([](FakeState& state, FakeNode::Faults&) {
    state.things["images"]["oci:/a:1"] = json::Object{{"name", "oci:/a:1"}};
    state.things["volumes"]["data"] = json::Object{{"name", "data"}};
  });
  tell(2);
  Subscription events = open_with({.snapshot = {"containers", "images", "volumes", "networks"}});
  const Notice first = next(events);
  const Snapshot* snapshot = std::get_if<Snapshot>(&first);
  ASSERT_NE(snapshot, nullptr);
  EXPECT_EQ(snapshot->seq, 2U);
  EXPECT_EQ(snapshot->things.size(), 4U);
  EXPECT_EQ(snapshot->things.find("images")->array()->size(), 1U);
  EXPECT_EQ(snapshot->things.find("volumes")->array()->at(0).at("name").string_or(""), "data");
  EXPECT_TRUE(snapshot->things.find("networks")->array()->empty());
  tell(1);
  EXPECT_EQ(numbers(events, 1), (std::vector<std::uint64_t>{3}));
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
  Result<Subscription> subscription =
      Subscription::open(*client, {.after = EventPosition{}}, stop_);
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
