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

/// Makes an empty log (0600) whose first byte is byte 0 of all that is ever written there. One that
/// is there already is left as it is.
Result<> begin_rotated_log(const system::Path& log);

/// Makes one file of both parts, which remembers where it begins, and takes them away. Without a
/// log it does nothing. What fails leaves the parts as they were.
Result<> join_rotated_log(const system::Path& log, const system::Path& to);

/// One reader of a log, for one thread, on the one hand of a file that only grows, on the other of
/// one in two parts. Bytes are counted from the first that was ever written: the files of the
/// second kind carry where they begin in the extended attribute trusted.drover.begins, which goes
/// along when they are renamed. Where a file system has none, the count begins anew with what is
/// there.
class RotatedLog {
 public:
  /// Opens `log` to be read from `offset` on. `not_found` when there is none. With `in_parts` it is
  /// of the second kind.
  static Result<RotatedLog> open(const system::Path& log, bool in_parts, std::uint64_t offset);

  /// Reads what there is at `offset`, at most `size` bytes; 0 at the end of what was written. When
  /// the bytes there are gone `offset` is moved to the first that is still kept.
  Result<std::size_t> read(std::uint64_t& offset, char* into, std::size_t size);

 private:
  struct Part {
    system::UniqueFd file;
    std::uint64_t begins = 0;
  };
  RotatedLog(Part part, system::Path log) : part_(std::move(part)), log_(std::move(log)) {}
  static Result<Part> choose(const system::Path& log, std::uint64_t offset);
  /// Whether there is a part after this one, which is full then.
  Result<bool> is_full() const;
  /// Goes on with the part after this one; false while it is not there yet.
  Result<bool> step_on();

  Part part_;
  system::Path log_;  ///< "" of a file that only grows
};

}  // namespace drover::runtimes
