#include "runtimes/rotated_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace drover::runtimes {
namespace {

using system::Path;

/// The one that has the byte, or the first one after it.
LogPart part_of(LogParts parts, std::uint64_t offset) {
  LogPart found = std::move(parts.newest);
  for (auto part = parts.older.rbegin(); part != parts.older.rend(); ++part) {
    if (!found.file.valid() || offset < found.begins) {
      found = std::move(*part);
    }
  }
  return found;
}

}  // namespace

Result<RotatedLog> RotatedLog::open(const Path& log, bool in_parts, std::uint64_t offset) {
  LogPart part;
  if (in_parts) {
    part = part_of(TRY(open_log_parts(log)), offset);
  } else {
    part.file =
        system::UniqueFd(::open(log.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!part.file.valid() && errno != ENOENT) {
      return fail(Code::broken, "open {}: {}", log.native(), std::strerror(errno));
    }
  }
  if (!part.file.valid()) {
    return fail(Code::not_found, "open {}: nothing was written yet", log.native());
  }
  return RotatedLog(std::move(part), in_parts ? log : Path());
}

Result<> RotatedLog::count_parts() const {
  if (!log_.empty()) {
    TRY(open_log_parts(log_));
  }
  return {};
}

Result<bool> RotatedLog::is_full() const {
  if (log_.empty()) {
    return false;
  }
  const bool is_written_to = TRY(lies_at(part_, log_));
  if (is_written_to || part_exists(log_)) {
    return !is_written_to;
  }
  // Renamed, and its writer not told yet, or gone: it is the last one still.
  const bool is_last = TRY(lies_at(part_, older_part(log_)));
  return !is_last;
}

Result<bool> RotatedLog::step_on() {
  const std::uint64_t end = part_.begins + TRY(size_of_part(part_));
  struct stat own {};
  if (fstat(part_.file.get(), &own) != 0) {
    return fail(Code::broken, "look at a log: {}", std::strerror(errno));
  }
  LogParts parts = TRY(open_log_parts(log_));
  if (parts.newest.file.valid()) {
    parts.older.push_back(std::move(parts.newest));
  }
  const auto is_own = [&own](const LogPart& part) {
    struct stat found {};
    return fstat(part.file.get(), &found) == 0 && found.st_ino == own.st_ino &&
           found.st_dev == own.st_dev;
  };
  auto next = std::find_if(parts.older.begin(), parts.older.end(), is_own);
  if (next != parts.older.end()) {
    ++next;
  } else {
    // Of those that came after this one the first may be gone as well. None is older: what is there
    // while the log is joined is.
    next = std::find_if(parts.older.begin(), parts.older.end(), [&](const LogPart& part) {
      const Result<std::uint64_t> size = size_of_part(part);
      return &part == &parts.older.back()
                 ? part.begins >= end || (size && part.begins + *size > end)
                 : size && part.begins + *size > end;
    });
  }
  if (next == parts.older.end()) {
    return false;
  }
  part_ = {std::move(next->file), std::max(next->begins, end)};
  return true;
}

Result<std::size_t> RotatedLog::read(std::uint64_t& offset, char* into, std::size_t size) {
  for (bool was_full = false;;) {
    offset = std::max(offset, part_.begins);
    const ssize_t got =
        ::pread(part_.file.get(), into, size, static_cast<off_t>(offset - part_.begins));
    if (got < 0) {
      return fail(Code::broken, "read a log: {}", std::strerror(errno));
    }
    if (got > 0) {
      return static_cast<std::size_t>(got);
    }
    if (was_full) {
      const bool goes_on = TRY(step_on());
      if (!goes_on) {
        return 0;
      }
      was_full = false;
      continue;
    }
    // Found to be full, it is read once more, for what came just before.
    was_full = TRY(is_full());
    if (!was_full) {
      return 0;
    }
  }
}

}  // namespace drover::runtimes
