// Moments: times as users say them.
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/result.h"

namespace drover::cli {

/// Unix milliseconds of "2026-11-24T14:03:05Z" (RFC 3339), or of so long before `now`: "90s",
/// "10m", "1h30m", "2d". `invalid` for anything else.
Result<std::int64_t> moment_from(const std::string& text, std::int64_t now_unix_ms);

}  // namespace drover::cli
