// Where in a container's log to begin reading.
#pragma once

#include <cstdint>

#include "agent/core/result.h"
#include "runtimes/log_parts.h"

namespace drover::runtimes {

/// The number of the first byte of the last `lines` lines, of those that are ended. Of a log that
/// is not `raw` a line is what ends with a record "F" (output_log.h), parts of it before included.
/// No more than the last 16 MiB are looked at: lines that begin before are left out.
Result<std::uint64_t> find_last_lines(const LogParts& parts, std::uint64_t lines, bool raw);

/// The number of the first byte of the first record that is not older; the end where all are. A log
/// that is raw has no times.
Result<std::uint64_t> find_time(const LogParts& parts, std::int64_t unix_ms);

}  // namespace drover::runtimes
