// TerminalSize: how large the terminal of a program is.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/core/fields.h"

namespace drover {

/// In characters, 1 to 65535 each: the kernel keeps 16 bits (struct winsize).
struct TerminalSize {
  std::uint16_t columns = 80;
  std::uint16_t rows = 24;
  friend bool operator==(const TerminalSize&, const TerminalSize&) = default;
};

/// A member that is true, or {"columns", "rows"} of which each may be absent; nothing when it is
/// absent or false.
std::optional<TerminalSize> read_terminal(Fields& fields, Faults& faults, std::string_view key);
json::Value to_json(const TerminalSize& size);

}  // namespace drover
