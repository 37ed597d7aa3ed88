// InputStream: what a program in a container is to read, or the node to keep, byte by byte and each
// byte once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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
  /// To a file of the node's, until an image is pulled from it: all `bytes` of what has this
  /// checksum, 64 digits. It begins where the node has come to, by whomever it was sent, so the
  /// first bytes are to be given once it is open; it fails with `unavailable` when the node has no
  /// room for the client's silence limit.
  static Result<InputStream> to_upload(const Client& client, std::string_view sha256,
                                       std::uint64_t bytes);
  ~InputStream();
  InputStream(InputStream&&) noexcept;
  InputStream& operator=(InputStream&&) = delete;

  /// How many bytes it holds beside those that it has.
  std::size_t room() const {
    return finishes_ || held_.size() > most_held_ ? 0 : most_held_ - held_.size();
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
  /// Of the next byte that is to be given.
  std::uint64_t end() const { return taken_ + held_.size(); }
  /// What the node calls the upload, once it is open.
  const std::string& upload() const { return upload_; }

  /// Sends what may be sent, and returns when the node has said something, `until` has come or one
  /// of at most three `wakes` is readable; at once when it is finished or ended. `unavailable` when
  /// there was no connection for the client's silence limit; `broken` when the node cannot tell how
  /// much the program has taken, so that to go on might give it something twice.
  Result<> work(system::Instant until, const system::Stop& stop, std::span<const int> wakes = {});

 private:
  /// A node takes 128 KiB ahead of the program; so much more may be read meanwhile.
  static constexpr std::size_t kMostHeld = std::size_t{192} * 1024;
  /// The same of an upload, of which it takes 1 MiB ahead of its disk.
  static constexpr std::size_t kMostHeldOfUpload = std::size_t{1280} * 1024;

  InputStream(const Client& client, json::Object what, std::string family, std::size_t most_held);
  Result<> reopen(system::Instant until, const system::Stop& stop);
  /// Sends when that is possible at once (Channel::send_now).
  Result<bool> send(std::string_view kind, const std::string& body, const json::Object& more = {},
                    std::string_view data = {});
  Result<> send_waiting();
  Result<> ask_again();
  Result<> take(const Incoming& message);
  Result<> take_word(const std::string& word, const json::Value& body);
  Result<> taken(std::uint64_t offset);
  Result<> refused(Error error);
  bool is_over() const { return state_ == State::finished || state_ == State::ended; }
  bool is_upload() const { return family_ == "upload"; }
  std::string kind(std::string_view word) const;

  StreamConnection connection_;
  system::Duration patience_;
  json::Object what_;
  std::string family_;  // of the kinds of its messages
  std::size_t most_held_;
  std::string upload_;
  bool was_open_ = false;
  std::optional<system::Instant> refused_since_{};  // of an upload; since it came on
  std::string held_;                                // from taken_ on
  std::uint64_t taken_ = 0;                         // by the program
  std::uint64_t sent_ = 0;                          // the next byte to send
  std::uint64_t credit_ = 0;                        // the node takes no byte from this one on
  bool finishes_ = false;
  bool finish_sent_ = false;
  State state_ = State::waits;
  bool asked_ = false;  // input.open was sent on the connection
  Resend retry_;
  system::Instant next_send_{};
  system::Instant next_word_{};  // when the node is asked whether it is there
};

}  // namespace drover::messaging
