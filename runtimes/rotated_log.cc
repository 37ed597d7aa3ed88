#include "runtimes/rotated_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "agent/core/json.h"
#include "agent/system/crash_point.h"

namespace drover::runtimes {
namespace {

using system::Path;
using system::UniqueFd;

constexpr const char* kBegins = "trusted.drover.begins";
constexpr const char* kSeen = "trusted.drover.seen";

Failure failed_on(std::string_view what, const Path& path) {
  const int error = errno;
  return fail(error == ENOENT ? Code::not_found : Code::broken, "{} {}: {}", what, path.native(),
              std::strerror(error));
}

/// Invalid when there is no such file.
Result<UniqueFd> open_part(const Path& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && errno != ENOENT) {
    return failed_on("open", path);
  }
  return file;
}

std::optional<std::uint64_t> number_in(const std::array<char, 24>& text, ssize_t size) {
  if (size <= 0) {
    return std::nullopt;
  }
  const std::string digits(text.data(), static_cast<std::size_t>(size));
  const std::int64_t number = json::Value(digits).integer_or(-1);
  return number < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(number));
}

std::optional<std::uint64_t> begins(const UniqueFd& file) {
  std::array<char, 24> text{};
  return number_in(text, fgetxattr(file.get(), kBegins, text.data(), text.size()));
}

std::optional<std::uint64_t> seen_in(const Path& folder) {
  std::array<char, 24> text{};
  return number_in(text, lgetxattr(folder.c_str(), kSeen, text.data(), text.size()));
}

/// A file system without extended attributes loses only the count.
void mark(const UniqueFd& file, std::uint64_t where) {
  const std::string text = std::to_string(where);
  (void)fsetxattr(file.get(), kBegins, text.data(), text.size(), 0);
}

void mark_seen(const Path& folder, std::uint64_t where) {
  const std::optional<std::uint64_t> seen = seen_in(folder);
  if (!seen || *seen < where) {
    const std::string text = std::to_string(where);
    (void)lsetxattr(folder.c_str(), kSeen, text.data(), text.size(), 0);
  }
}

bool is_at(const struct stat& file, const Path& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0 && found.st_ino == file.st_ino &&
         found.st_dev == file.st_dev;
}

Result<struct stat> status_of(const UniqueFd& file) {
  struct stat found {};
  if (fstat(file.get(), &found) != 0) {
    return fail(Code::broken, "look at a log: {}", std::strerror(errno));
  }
  return found;
}

std::uint64_t size_of(const struct stat& file) {
  return static_cast<std::uint64_t>(file.st_size);
}

/// Those that are there, of one moment, and the numbers of their first bytes.
struct Parts {
  UniqueFd older;
  UniqueFd newer;
  std::uint64_t first = 0;   ///< of the older
  std::uint64_t second = 0;  ///< of the newer
};

/// Where there is an older part both are marked. What a reader has come to counts for nothing here:
/// it may be any number.
Result<Parts> open_parts(const Path& log) {
  const Path older_path = older_part(log);
  const Path folder = log.parent_path();
  for (;;) {
    Parts parts;
    parts.older = TRY(open_part(older_path));
    parts.newer = TRY(open_part(log));
    const std::optional<std::uint64_t> seen = seen_in(folder);
    if (!parts.older.valid()) {
      const UniqueFd renamed = TRY(open_part(older_path));
      if (renamed.valid()) {
        continue;
      }
      parts.second = parts.newer.valid() ? begins(parts.newer).value_or(seen.value_or(0)) : 0;
      return parts;
    }
    const struct stat older = TRY(status_of(parts.older));
    if (!is_at(older, older_path)) {
      continue;  // renamed over in between
    }
    // Without a mark it is not the one that was seen last but one after that, which had as many
    // bytes, being full: the next or a later one. The one more is told as gone to who has read to
    // the end of that.
    parts.first = begins(parts.older).value_or(seen ? *seen + size_of(older) + 1 : 0);
    parts.second = parts.first + size_of(older);
    mark(parts.older, parts.first);
    if (parts.newer.valid()) {
      mark(parts.newer, parts.second);
    }
    mark_seen(folder, parts.second);
    return parts;
  }
}

Result<> move_log(const Path& from, const Path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return fail(Code::broken, "rename {} to {}: {}", from.native(), to.native(),
                std::strerror(errno));
  }
  return {};
}

Result<> append(const UniqueFd& to, const UniqueFd& from) {
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t size = ::read(from.get(), buffer.data(), buffer.size());
    if (size < 0) {
      return fail(Code::broken, "read a log: {}", std::strerror(errno));
    }
    if (size == 0) {
      return {};
    }
    TRY(system::write_all(to.get(), {buffer.data(), static_cast<std::size_t>(size)}));
  }
}

}  // namespace

Path older_part(const Path& log) {
  return log.native() + ".1";
}

Result<> begin_rotated_log(const Path& log) {
  const UniqueFd file(
      ::open(log.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid() && errno != EEXIST) {
    return failed_on("make", log);
  }
  const Parts parts = TRY(open_parts(log));
  if (parts.newer.valid() && !parts.older.valid()) {
    mark(parts.newer, parts.second);
    mark_seen(log.parent_path(), parts.second);
  }
  return {};
}

Result<> turn_rotated_log(const Path& log, std::uint64_t most) {
  const Parts parts = TRY(open_parts(log));
  if (!parts.newer.valid()) {
    return {};
  }
  const struct stat status = TRY(status_of(parts.newer));
  if (size_of(status) <= most) {
    return {};
  }
  mark(parts.newer, parts.second);  // also of one that LXC has made alone
  if (std::rename(log.c_str(), older_part(log).c_str()) != 0) {
    return failed_on("rename", log);
  }
  system::crash_point("log turned before the next part");
  return begin_rotated_log(log);
}

namespace {

Result<> join(const Parts& parts, const Path& whole, const Path& to) {
  const UniqueFd joined(
      ::open(whole.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!joined.valid()) {
    return failed_on("make", whole);
  }
  mark(joined, parts.first);
  TRY(append(joined, parts.older));
  TRY(append(joined, parts.newer));
  return move_log(whole, to);
}

}  // namespace

Result<> join_rotated_log(const Path& log, const Path& to) {
  const Path older = older_part(log);
  const Parts parts = TRY(open_parts(log));
  if (!parts.older.valid()) {
    return parts.newer.valid() ? move_log(log, to) : Result<>();
  }
  if (!parts.newer.valid()) {
    struct stat made {};
    if (lstat(to.c_str(), &made) != 0) {
      return move_log(older, to);
    }
    ::unlink(older.c_str());  // what a crash has left below
    return {};
  }
  const Path whole = log.native() + ".whole";
  Result<> done = join(parts, whole, to);
  if (!done) {
    ::unlink(whole.c_str());
    if (::link(log.c_str(), to.c_str()) != 0 && errno != EEXIST) {
      return done;
    }
    done = Failure(Error(done.error()).context("only its newer part"));
  }
  // Who reads either part must not take the other for the next one, nor the next run for a log that
  // is to be joined yet.
  (void)std::rename(log.c_str(), older.c_str());
  system::crash_point("log joined before its parts go");
  ::unlink(older.c_str());
  return done;
}

Result<RotatedLog> RotatedLog::open(const Path& log, bool in_parts, std::uint64_t offset) {
  if (in_parts) {
    Parts parts = TRY(open_parts(log));
    if (!parts.older.valid() && !parts.newer.valid()) {
      return fail(Code::not_found, "open {}: nothing was written yet", log.native());
    }
    const bool in_older = parts.older.valid() && (offset < parts.second || !parts.newer.valid());
    return RotatedLog(in_older ? Part{std::move(parts.older), parts.first}
                               : Part{std::move(parts.newer), parts.second},
                      log);
  }
  UniqueFd file = TRY(open_part(log));
  if (!file.valid()) {
    return fail(Code::not_found, "open {}: nothing was written yet", log.native());
  }
  return RotatedLog({std::move(file), 0}, {});
}

Result<> RotatedLog::count_parts() const {
  if (!log_.empty()) {
    TRY(open_parts(log_));
  }
  return {};
}

Result<bool> RotatedLog::is_full() const {
  const struct stat own = TRY(status_of(part_.file));
  return !log_.empty() && !is_at(own, log_);
}

Result<bool> RotatedLog::step_on() {
  const struct stat own = TRY(status_of(part_.file));
  const std::uint64_t end = part_.begins + size_of(own);
  Parts parts = TRY(open_parts(log_));
  // Of two that came after this one the first may be gone as well.
  bool in_older = parts.older.valid();
  if (in_older) {
    const struct stat older = TRY(status_of(parts.older));
    in_older = older.st_ino != own.st_ino || older.st_dev != own.st_dev;
  }
  UniqueFd& next = in_older ? parts.older : parts.newer;
  if (!next.valid()) {
    return false;
  }
  part_ = {std::move(next), std::max(in_older ? parts.first : parts.second, end)};
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
