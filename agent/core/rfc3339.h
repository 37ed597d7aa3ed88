// Times as RFC 3339 has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover {

/// "2026-11-24T14:03:05.123Z": UTC, to the millisecond.
std::string to_rfc3339(std::int64_t unix_ms);

/// Milliseconds since 1970, cut off; any offset from UTC and any number of digits behind the point.
/// A leap second is the one after it. None for what is no such time, or of a year before 1970.
std::optional<std::int64_t> unix_ms_from_rfc3339(std::string_view text);

}  // namespace drover
