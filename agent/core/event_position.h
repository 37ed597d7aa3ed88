// EventPosition: how far somebody has read a node's events, to go on from there later.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/core/result.h"

namespace drover {

/// `seq` counts anew in every epoch, so a number alone would go on in the middle of another
/// journal.
struct EventPosition {
  std::string epoch{};    ///< "" for the epoch that the node is in when it is asked
  std::uint64_t seq = 0;  ///< of the last event that was read; 0 for none
  bool operator==(const EventPosition&) const = default;
};

/// "EPOCH:SEQ", as `to_string` writes it; also an event's `id`, "EPOCH-SEQ", and a number alone.
/// `invalid` for anything else.
Result<EventPosition> parse_position(std::string_view text);
std::string to_string(const EventPosition& position);

}  // namespace drover
