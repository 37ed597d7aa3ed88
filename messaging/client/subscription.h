// Subscription: the node's state once, then every change of it, each once and in order.
//
// It subscribes first, takes a snapshot at seq S, and passes on the events behind S. Each event
// carries its number, and the node's beacon tells the newest one each second: whatever is missing
// is asked for again. A new epoch (the node's journal was made anew) begins with another snapshot.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "agent/core/event.h"
#include "messaging/client/client.h"

namespace drover::messaging {

/// What the node had when its newest event was number `seq`.
struct Snapshot {
  std::string node;
  std::string epoch;
  std::uint64_t seq = 0;
  json::Value containers;  ///< an array, as query.containers gives it
};

using Notice = std::variant<Snapshot, Event>;

/// Uses its client's query socket and belongs to the same thread; the client must outlive it.
class Subscription {
 public:
  /// Without `after` the first notice is a snapshot. With it, the events behind it come first, and
  /// a snapshot only when the node has them no more, or has another journal than that one was of.
  static Result<Subscription> open(Client& client, const std::optional<EventPosition>& after,
                                   const system::Stop& stop);
  ~Subscription();
  Subscription(Subscription&&) noexcept;
  Subscription& operator=(Subscription&&) = delete;

  /// The next notice; none at `until` (a replay that is under way then is finished first).
  /// `unavailable` when the node was silent for the client's silence limit; calling again goes on.
  Result<std::optional<Notice>> next(system::Instant until, const system::Stop& stop);

  /// Behind the last notice that `next` gave: what to `open` with later to miss nothing.
  const EventPosition& position() const { return given_; }

  /// How often events had to be asked for again because they did not come by themselves.
  std::uint64_t replays() const { return replays_; }

 private:
  struct Socket;

  Subscription(Client& client, std::unique_ptr<Socket> socket);
  Result<> take_snapshot(const system::Stop& stop);
  Result<> catch_up(const system::Stop& stop);
  Result<> take_message(std::string_view body, const system::Stop& stop);
  Result<> take_event(Event event, const system::Stop& stop);
  Result<> check(const system::Stop& stop);
  void heard();

  Client* client_;
  std::unique_ptr<Socket> socket_;
  std::string epoch_;
  std::uint64_t seq_ = 0;  // of the newest event that was passed on or waits in notices_
  EventPosition given_;
  std::deque<Notice> notices_;
  std::uint64_t replays_ = 0;
  system::Instant last_heard_;
  system::Duration check_after_;
  system::Instant next_check_;
};

}  // namespace drover::messaging
