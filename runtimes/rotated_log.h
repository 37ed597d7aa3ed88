// RotatedLog: reads a log that LXC writes in two files by turns (lxc.console.rotate): FILE, which
// it renames to FILE.1 once it is full, in place of an older one of that name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

/// Where the older part of a log in two files lies.
system::Path older_part(const system::Path& log);

/// Makes an empty log (0600) that goes on with the count of what was written before it; byte 0 is
/// the first. Of one that is there already the parts are counted only.
Result<> begin_rotated_log(const system::Path& log);

/// Renames a log of more than `most` bytes as LXC would, and begins the next part: LXC itself fails
/// at every write to a log that is larger than its bound, before it looks whether to rotate. Only
/// while nobody writes there.
Result<> turn_rotated_log(const system::Path& log, std::uint64_t most);

/// Makes one file of both parts, which remembers where it begins, and takes them away. Without a
/// log it does nothing; done again after a crash it comes to the same. What fails (the disk is
/// full) leaves the newer part alone at `to`, or both as they were, and says which.
Result<> join_rotated_log(const system::Path& log, const system::Path& to);

/// One reader of a log, for one thread, on the one hand of a file that only grows, on the other of
/// one in two parts. Bytes are counted from the first that was ever written: the files of the
/// second kind carry where they begin in the extended attribute trusted.drover.begins, which goes
/// along when they are renamed. The folder's own trusted.drover.seen is the highest of them: a part
/// that was filled and became the older one unseen is counted from there, so no count ever runs
/// back, and every reader is told that bytes are gone. Where a file system has none, the count
/// begins anew with what is there.
class RotatedLog {
 public:
  /// Opens `log` to be read from `offset` on. `not_found` when there is none. With `in_parts` it is
  /// of the second kind.
  static Result<RotatedLog> open(const system::Path& log, bool in_parts, std::uint64_t offset);

  /// Reads what there is at `offset`, at most `size` bytes; 0 at the end of what was written. When
  /// the bytes there are gone `offset` is moved to the first that is still kept.
  Result<std::size_t> read(std::uint64_t& offset, char* into, std::size_t size);

  /// Counts the parts that are there now. To be called at each rotation, also while nothing is
  /// read: of parts that come and go uncounted nobody knows how many bytes they had.
  Result<> count_parts() const;

 private:
  struct Part {
    system::UniqueFd file;
    std::uint64_t begins = 0;
  };
  RotatedLog(Part part, system::Path log) : part_(std::move(part)), log_(std::move(log)) {}
  /// Whether there is a part after this one, which is full then.
  Result<bool> is_full() const;
  /// Goes on with the part after this one; false while it is not there yet.
  Result<bool> step_on();

  Part part_;
  system::Path log_;  ///< "" of a file that only grows
};

}  // namespace drover::runtimes
