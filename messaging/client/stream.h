// Stream: a log of the node's, byte by byte, as it grows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/core/json.h"
#include "messaging/client/client.h"
#include "messaging/client/resend.h"
#include "messaging/client/stream_connection.h"

namespace drover::messaging {

struct StreamOptions {
  std::uint64_t offset = 0;                     ///< the first byte wanted
  std::optional<std::uint64_t> tail{};          ///< instead: from the last so many lines on
  std::optional<std::int64_t> since_unix_ms{};  ///< and nothing older
  bool follow = false;                          ///< go on until the container or job has ended
  std::uint64_t window = 256 * 1024;            ///< bytes the node may send ahead of what was read
};

/// Has a socket of its own, on the client's context; for one thread. When the connection breaks it
/// opens the stream anew where it was. Destroying it tells the node to send no more.
class Stream {
 public:
  static Result<Stream> container_log(const Client& client, std::string_view name,
                                      const StreamOptions& options);
  static Result<Stream> job_log(const Client& client, std::string_view job,
                                const StreamOptions& options);
  ~Stream();
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) = delete;

  /// The next bytes; none at `until` and at the end of the stream. An answer of kind "error" is the
  /// error it tells, except that a log which is followed and does not exist yet is waited for.
  /// `unavailable` when there was no connection for the client's silence limit.
  Result<std::optional<std::string>> next(system::Instant until, const system::Stop& stop);
  bool ended() const { return ended_; }
  /// Of the next byte `next` will give.
  std::uint64_t offset() const { return offset_; }
  /// Whether the bytes that `next` gave last are as a terminal was given them, and no records with
  /// a time and a stream: a guest of Proxmox is logged so.
  bool raw() const { return raw_; }

 private:
  Stream(const Client& client, json::Object what, const StreamOptions& options);
  Result<> reopen(system::Instant until, const system::Stop& stop);
  Result<std::optional<std::string>> take(const std::string& kind, const json::Object& header,
                                          const std::string& body, std::string data);
  Result<std::optional<std::string>> take_data(const json::Object& header, std::string data);
  void heard();
  void found(std::uint64_t offset);
  Result<> give_credit(std::uint64_t bytes);

  StreamConnection connection_;
  json::Object what_;
  std::uint64_t window_;
  std::uint64_t offset_;
  bool seeks_ = false;                                   // where it begins the node says
  std::uint64_t read_ = 0;                               // bytes since the last credit was given
  bool open_ = false;                                    // stream.open was sent on the connection
  system::Instant next_doubt_ = system::Instant::max();  // when it is opened anew if nothing comes
  Resend retry_;
  bool ended_ = false;
  bool raw_ = false;
};

}  // namespace drover::messaging
