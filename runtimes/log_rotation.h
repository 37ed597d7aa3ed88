// How a log goes on in another file, and how its files become one (log_parts.h).
#pragma once

#include <cstdint>

#include "agent/core/log_policy.h"
#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

/// How much of a log is kept.
struct LogBounds {
  std::uint64_t file_bytes = std::uint64_t{10} << 20;  ///< a file that has more is full
  std::uint64_t files = 5;  ///< with the one that is written to; at least 2
};

/// Those of a spec; where it has none the node's.
LogBounds bounds_of(const LogPolicy& policy, const LogBounds& of_node);

/// Makes an empty log (0600) that goes on with the count of what was written before it; byte 0 is
/// the first. Of one that is there already the parts are counted only.
Result<> begin_rotated_log(const system::Path& log);

/// Ends what a loss of power, or a writer that was killed, has left of the last record of a log of
/// records: the next one would be read as its rest, and be lost with it. Only while nobody writes
/// there; one that is not there is left so.
Result<> end_torn_record(const system::Path& log);

/// Renames a log that is full to the newest of its older parts, and takes away those too many.
/// False when it is not full. Whoever writes to it goes on with the renamed file until it is told.
Result<bool> set_aside_full_log(const system::Path& log, const LogBounds& bounds);

/// The same, and begins the next part. Only while nobody writes there.
Result<> turn_rotated_log(const system::Path& log, const LogBounds& bounds);

/// Makes one file of all parts, which remembers where it begins, and takes them away. Without a log
/// it does nothing; done again after a crash it comes to the same. What fails (the disk is full)
/// leaves the newest part alone at `to`, or all as they were, and says which.
Result<> join_rotated_log(const system::Path& log, const system::Path& to);

}  // namespace drover::runtimes
