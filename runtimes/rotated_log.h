// RotatedLog: reads a log that goes on in another file whenever one is full (log_parts.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "runtimes/log_parts.h"

namespace drover::runtimes {

/// One reader, for one thread. Of bytes that went with a part that is no more every reader is told.
class RotatedLog {
 public:
  /// Opens `log` to be read from `offset` on. `not_found` when there is none. Without `in_parts` it
  /// is one file that only grows.
  static Result<RotatedLog> open(const system::Path& log, bool in_parts, std::uint64_t offset);

  /// Reads what there is at `offset`, at most `size` bytes; 0 at the end of what was written. When
  /// the bytes there are gone `offset` is moved to the first that is still kept.
  Result<std::size_t> read(std::uint64_t& offset, char* into, std::size_t size);

  /// Counts the parts that are there now. To be called at each rotation, also while nothing is
  /// read: of parts that come and go uncounted nobody knows how many bytes they had.
  Result<> count_parts() const;

 private:
  RotatedLog(LogPart part, system::Path log) : part_(std::move(part)), log_(std::move(log)) {}
  /// Whether nothing is written to this part any more.
  Result<bool> is_full() const;
  /// Goes on with the part after this one; false while it is not there yet.
  Result<bool> step_on();

  LogPart part_;
  system::Path log_;  ///< "" of a file that only grows
};

}  // namespace drover::runtimes
