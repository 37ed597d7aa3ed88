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
#include <utility>

#include "agent/core/json.h"

namespace drover::runtimes {
namespace {

using system::Path;
using system::UniqueFd;

constexpr const char* kBegins = "trusted.drover.begins";

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

std::optional<std::uint64_t> begins(const UniqueFd& file) {
  std::array<char, 24> text{};
  const ssize_t size = fgetxattr(file.get(), kBegins, text.data(), text.size());
  if (size <= 0) {
    return std::nullopt;
  }
  const std::string digits(text.data(), static_cast<std::size_t>(size));
  const std::int64_t number = json::Value(digits).integer_or(-1);
  return number < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(number));
}

/// A file system without extended attributes loses only the count.
void mark(const UniqueFd& file, std::uint64_t where) {
  const std::string text = std::to_string(where);
  (void)fsetxattr(file.get(), kBegins, text.data(), text.size(), 0);
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
  if (!file.valid()) {
    return errno == EEXIST ? Result<>() : failed_on("make", log);
  }
  mark(file, 0);
  return {};
}

Result<> join_rotated_log(const Path& log, const Path& to) {
  const UniqueFd older = TRY(open_part(older_part(log)));
  if (!older.valid()) {
    if (std::rename(log.c_str(), to.c_str()) != 0 && errno != ENOENT) {
      return fail(Code::broken, "rename {} to {}: {}", log.native(), to.native(),
                  std::strerror(errno));
    }
    return {};
  }
  const UniqueFd newer = TRY(open_part(log));
  const Path whole = log.native() + ".whole";
  const UniqueFd joined(
      ::open(whole.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!joined.valid()) {
    return failed_on("make", whole);
  }
  mark(joined, begins(older).value_or(0));
  Result<> done = append(joined, older);
  if (done && newer.valid()) {
    done = append(joined, newer);
  }
  if (done && std::rename(whole.c_str(), to.c_str()) != 0) {
    done = fail(Code::broken, "rename {} to {}: {}", whole.native(), to.native(),
                std::strerror(errno));
  }
  ::unlink(done ? older_part(log).c_str() : whole.c_str());
  if (done) {
    ::unlink(log.c_str());
  }
  return done;
}

Result<RotatedLog> RotatedLog::open(const Path& log, bool in_parts, std::uint64_t offset) {
  if (in_parts) {
    Part part = TRY(choose(log, offset));
    return RotatedLog(std::move(part), log);
  }
  UniqueFd file = TRY(open_part(log));
  if (!file.valid()) {
    return fail(Code::not_found, "open {}: nothing was written yet", log.native());
  }
  return RotatedLog({std::move(file), 0}, {});
}

Result<RotatedLog::Part> RotatedLog::choose(const Path& log, std::uint64_t offset) {
  const Path older_path = older_part(log);
  for (;;) {
    UniqueFd older = TRY(open_part(older_path));
    UniqueFd newer = TRY(open_part(log));
    if (!older.valid() && !newer.valid()) {
      return fail(Code::not_found, "open {}: nothing was written yet", log.native());
    }
    if (!older.valid()) {
      const std::uint64_t first = begins(newer).value_or(0);
      return Part{std::move(newer), first};
    }
    const struct stat status = TRY(status_of(older));
    if (!is_at(status, older_path)) {
      continue;  // renamed over in between
    }
    // Without a mark more than one part has gone unseen, and nobody knows how many bytes: whoever
    // has come to `offset` has seen none of what is there.
    const std::uint64_t first = begins(older).value_or(offset);
    const std::uint64_t second = first + static_cast<std::uint64_t>(status.st_size);
    mark(older, first);
    if (newer.valid()) {
      mark(newer, second);
    }
    return offset < second || !newer.valid() ? Part{std::move(older), first}
                                             : Part{std::move(newer), second};
  }
}

Result<bool> RotatedLog::is_full() const {
  const struct stat own = TRY(status_of(part_.file));
  return !log_.empty() && !is_at(own, log_);
}

Result<bool> RotatedLog::step_on() {
  const struct stat own = TRY(status_of(part_.file));
  const std::uint64_t end = part_.begins + static_cast<std::uint64_t>(own.st_size);
  // Of two that came after this one the first may be gone as well.
  UniqueFd next = TRY(open_part(is_at(own, older_part(log_)) ? log_ : older_part(log_)));
  if (!next.valid()) {
    return false;
  }
  const std::uint64_t first = std::max(begins(next).value_or(end), end);
  mark(next, first);
  part_ = {std::move(next), first};
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
