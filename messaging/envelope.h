// Envelope: the first frame of each message between an agent and a dispatcher: for whom the
// message behind it is, or who asks.
//
// Behind it are the frames of a client's message (message.h). One without a client is of the two
// themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/key_role.h"
#include "agent/core/result.h"

namespace drover::messaging {

inline constexpr std::size_t kMostEnvelope = 1024;

/// The kinds of the messages that are of no client.
inline constexpr std::string_view kNodeHello = "node.hello";      ///< up: all that the node has
inline constexpr std::string_view kNodeBeat = "node.beat";        ///< up: that it is there
inline constexpr std::string_view kEvent = "event";               ///< up: header member "topic"
inline constexpr std::string_view kHelloPlease = "hello.please";  ///< down: say node.hello again

struct Envelope {
  /// The dispatcher's number for its client. None for what is of no client.
  std::optional<std::uint64_t> client{};
  /// The name of the client's key at the dispatcher; "" when the dispatcher asks in its own name.
  std::string sender{};
  /// The highest role that client has there: observe, submit or admin. None in answers.
  std::optional<KeyRole> role{};

  bool operator==(const Envelope&) const = default;
};

/// {"v":1,"client":N,"for":NAME,"role":ROLE}; what is not said is left out.
std::string write_envelope(const Envelope& envelope);
/// The inverse; `invalid` for what is none, is longer than kMostEnvelope, or names a sender or a
/// role without a client. Members that are not known are ignored.
Result<Envelope> read_envelope(std::string_view text);

}  // namespace drover::messaging
