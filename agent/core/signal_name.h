// Signals by their names.
#pragma once

#include <optional>
#include <string_view>

namespace drover {

/// A signal's number 1 to 64 from a number or a name with or without "SIG" ("15", "TERM",
/// "SIGTERM", "RTMIN+3"); nothing when it is none.
std::optional<int> signal_from(std::string_view text);

}  // namespace drover
