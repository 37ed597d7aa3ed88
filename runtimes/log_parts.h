// LogParts: a log in several files. FILE is written to; once it is full it is FILE.1, and what was
// FILE.1 is FILE.2, so the highest number is the oldest.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

/// Bytes are counted from the first that was ever written. A part carries the number of its first
/// one in the extended attribute trusted.drover.begins, which goes along when it is renamed. The
/// folder's own trusted.drover.seen is the highest of them: a part that came and became an older
/// one unseen, as LXC renames them by itself, is counted from there, so no count ever runs back.
/// Where a file system has none, the count begins anew with what is there.
struct LogPart {
  system::UniqueFd file;     ///< for reading; invalid when there is no such part
  std::uint64_t begins = 0;  ///< the number of its first byte
};

/// Those that are there, of one moment.
struct LogParts {
  std::vector<LogPart> older;  ///< the oldest first
  LogPart newest;              ///< FILE

  bool empty() const { return older.empty() && !newest.file.valid(); }
};

/// Where the part lies that is `age` steps older than the one that is written to.
system::Path older_part(const system::Path& log, std::uint64_t age = 1);

/// Opens them, and marks those that are not marked yet.
Result<LogParts> open_log_parts(const system::Path& log);

/// Notes where the part begins, which lies in `folder`; what cannot be noted loses only the count.
void mark_log_part(const LogPart& part, const system::Path& folder);

Result<std::uint64_t> size_of_part(const LogPart& part);
/// Whether any part lies there; links are none.
bool part_exists(const system::Path& path);
/// Whether the part lies there now.
Result<bool> lies_at(const LogPart& part, const system::Path& path);

}  // namespace drover::runtimes
