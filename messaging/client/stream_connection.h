// StreamConnection: what a stream is opened on, made anew when it breaks, and how long that may
// last.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/core/json.h"
#include "messaging/client/client.h"

namespace drover::messaging {

class Channel;
enum class Plight;

/// A socket of its own, on the client's context; for one thread.
class StreamConnection {
 public:
  /// In a cluster to the client's target, which must be one node.
  explicit StreamConnection(const Client& client);
  ~StreamConnection();
  StreamConnection(StreamConnection&&) noexcept;
  StreamConnection& operator=(StreamConnection&&) = delete;

  /// Begins anew: whatever the node kept for the last one is gone.
  Result<> connect();
  /// There is one that has not broken.
  bool lives() const;
  /// Only while `lives`, or of one that has just broken.
  Channel& channel() { return *channel_; }
  /// Whether what is opened is kept by a node behind a dispatcher: when that node loses it, nothing
  /// is to be seen here.
  bool is_behind_dispatcher() const;
  /// Of what was opened last.
  std::uint64_t rq() const { return rq_; }

  /// The node was heard until now.
  void heard();
  /// Nothing is opened before.
  void rest_until(system::Instant instant) { next_open_ = instant; }
  /// Sends `what` as a new request on a connection that lives, or waits until `until` for one, or
  /// for the end of its rest; whether it was sent. `unavailable` when there was no connection for
  /// the client's silence limit, of the first one for its time to connect.
  Result<bool> open(std::string_view kind, const json::Object& what, system::Instant until,
                    const system::Stop& stop);

 private:
  std::shared_ptr<Bus> bus_;
  ClientOptions options_;
  std::unique_ptr<Channel> channel_;
  std::uint64_t rq_ = 0;
  system::Instant next_open_{};
  system::Instant alone_since_;
  system::Instant tried_since_{};  ///< to connect, by this channel
  bool was_open_ = false;
  json::Object members_{};  ///< of each message's header
  Plight plight_{};         ///< of the channel before
};

}  // namespace drover::messaging
