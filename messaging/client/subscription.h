// Subscription: the node's state once, then every change of it, each once and in order.
//
// It subscribes first, takes a snapshot at seq S, and passes on the events behind S. Each event
// carries its numbers, and the node's beacon tells the newest ones each second: whatever is missing
// is asked for again. A new epoch (the node's journal was made anew) begins with another snapshot.
//
// With a filter the node sends only what may pass it, where that can be counted: the events of one
// kind by kseq, those of one object by oseq. So a number that is missing is a loss, and no event
// that was not wanted. Of any other filter all events come, and those that are not wanted are
// dropped here: in what is sent of two kinds nobody could tell a loss from what there never was.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/event.h"
#include "agent/core/event_filter.h"
#include "messaging/client/client.h"

namespace drover::messaging {

/// What the node had when its newest event was number `seq`.
struct Snapshot {
  std::string node;
  std::string epoch;
  std::uint64_t seq = 0;
  /// By the names in SubscriptionOptions::snapshot, each an array as its query gives it. What
  /// changed while they were read comes again as events.
  json::Object things;
};

using Notice = std::variant<Snapshot, Event>;

struct SubscriptionOptions {
  /// Without it the first notice is a snapshot. With it, the events behind it come first, and a
  /// snapshot only when the node has them no more, or has another journal than that one was of.
  std::optional<EventPosition> after{};
  /// Of events; snapshots have what they have.
  EventFilter filter{};
  /// What a snapshot has: "containers", "images", "volumes", "networks".
  std::vector<std::string> snapshot{"containers"};
};

/// Uses its client's query socket and belongs to the same thread; the client must outlive it. In a
/// cluster it is of the one node that is the client's target, which must stay so; for several there
/// is ClusterSubscription.
class Subscription {
 public:
  static Result<Subscription> open(Client& client, SubscriptionOptions options,
                                   const system::Stop& stop);
  ~Subscription();
  Subscription(Subscription&&) noexcept;
  Subscription& operator=(Subscription&&) = delete;

  /// The next notice; none at `until` (a replay that is under way then is finished first).
  /// `unavailable` when the node was silent for the client's silence limit; calling again goes on.
  Result<std::optional<Notice>> next(system::Instant until, const system::Stop& stop);

  /// Behind the last notice that `next` gave, and what the filter has left out since, unless others
  /// wait already: what to `open` with later to miss nothing.
  EventPosition position() const;

  /// How often events had to be asked for again because they did not come by themselves.
  std::uint64_t replays() const { return replays_; }

 private:
  friend class ClusterSubscription;
  struct Socket;
  /// By which of its numbers it is told that an event is the next one.
  enum class Counter { node, kind, object };

  Subscription(Client& client, SubscriptionOptions options);
  /// May be called again when it has failed.
  Result<> begin(const system::Stop& stop);
  /// The next one that has come already.
  std::optional<Notice> waiting_notice();
  Result<> connect(const system::Stop& stop);
  Result<> take_snapshot(const system::Stop& stop);
  Result<json::Object> things_now(json::Value& about, const system::Stop& stop);
  Result<> catch_up(const system::Stop& stop);
  Result<> take_page(EventPage page);
  /// The same, counted as a replay when it brought anything.
  Result<> replay(const system::Stop& stop);
  Result<> take_message(std::string_view body, const system::Stop& stop);
  Result<> take_event(Event event, const system::Stop& stop);
  Result<> take_beacon(const json::Value& beacon, const system::Stop& stop);
  bool is_next(const Event& event) const;
  void pass_on(Event event);
  Result<> check(const system::Stop& stop);
  void heard();

  Client* client_;
  SubscriptionOptions options_;
  Counter counter_;
  std::unique_ptr<Socket> socket_;
  std::string epoch_;
  std::uint64_t seq_ = 0;  // everything that is wanted up to here was passed on or is in notices_
  std::optional<std::uint64_t> kseq_;  // of the filter's kind at seq_, once that is known
  std::optional<std::uint64_t> oseq_;  // the same of its object
  EventPosition given_;
  std::deque<Notice> notices_;
  std::uint64_t replays_ = 0;
  system::Instant last_heard_;
  system::Duration check_after_;
  system::Instant next_check_;
};

}  // namespace drover::messaging
