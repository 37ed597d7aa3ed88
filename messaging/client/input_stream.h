// InputStream: what a program in a container is to read, byte by byte and each byte once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "messaging/client/client.h"
#include "messaging/client/resend.h"
#include "messaging/client/stream_connection.h"

namespace drover::messaging {

struct Incoming;

/// Has a socket of its own, on the client's context; for one thread. It keeps what the program has
/// not taken yet, and when the connection breaks it opens the stream anew and goes on behind what
/// was. Destroying it tells the node to take no more; what was given and is not taken is lost then.
class InputStream {
 public:
  static Result<InputStream> to_container(const Client& client, std::string_view name);
  /// To what a job of container.exec runs; waits for one that has not begun.
  static Result<InputStream> to_job(const Client& client, std::string_view job);
  ~InputStream();
  InputStream(InputStream&&) noexcept;
  InputStream& operator=(InputStream&&) = delete;

  /// How many bytes it holds beside those that it has.
  std::size_t room() const {
    return finishes_ || held_.size() > kMostHeld ? 0 : kMostHeld - held_.size();
  }
  /// About `room` of them.
  void give(std::string_view bytes);
  /// There are no more: the program reads its end of file behind what was given.
  void finish() { finishes_ = true; }

  enum class State {
    waits,     ///< the program has not begun, or the node is not there
    open,      ///< the program takes what it is given
    finished,  ///< it was given everything and the end of file
    ended,     ///< it has ended, or reads no more
  };
  State state() const { return state_; }

  /// Sends what may be sent, and returns when the node has said something, `until` has come or one
  /// of at most three `wakes` is readable; at once when it is finished or ended. `unavailable` when
  /// there was no connection for the client's silence limit; `broken` when the node cannot tell how
  /// much the program has taken, so that to go on might give it something twice.
  Result<> work(system::Instant until, const system::Stop& stop, std::span<const int> wakes = {});

 private:
  /// A node takes 128 KiB ahead of the program; so much more may be read meanwhile.
  static constexpr std::size_t kMostHeld = std::size_t{192} * 1024;

  InputStream(const Client& client, std::string_view of, std::string_view key,
              std::string_view object);
  Result<> reopen(system::Instant until, const system::Stop& stop);
  /// Sends when that is possible at once (Channel::send_now).
  Result<bool> send(std::string_view kind, const std::string& body, const json::Object& more = {},
                    std::string_view data = {});
  Result<> send_waiting();
  Result<> ask_again();
  Result<> take(const Incoming& message);
  Result<> take_word(const std::string& kind, const json::Value& body);
  Result<> taken(std::uint64_t offset);
  bool is_over() const { return state_ == State::finished || state_ == State::ended; }
  std::uint64_t end() const { return taken_ + held_.size(); }

  StreamConnection connection_;
  json::Object what_;
  std::string held_;          // from taken_ on
  std::uint64_t taken_ = 0;   // by the program
  std::uint64_t sent_ = 0;    // the next byte to send
  std::uint64_t credit_ = 0;  // the node takes no byte from this one on
  bool finishes_ = false;
  bool finish_sent_ = false;
  State state_ = State::waits;
  bool asked_ = false;  // input.open was sent on the connection
  Resend retry_;
  system::Instant next_send_{};
  system::Instant next_word_{};  // when the node is asked whether it is there
};

}  // namespace drover::messaging
