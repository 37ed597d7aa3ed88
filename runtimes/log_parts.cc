#include "runtimes/log_parts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "agent/core/json.h"

namespace drover::runtimes {
namespace {

using system::Path;
using system::UniqueFd;

constexpr const char* kBegins = "trusted.drover.begins";
constexpr const char* kSeen = "trusted.drover.seen";
/// Names in a row that are not there, behind the last one. A crash amidst the renames leaves one
/// between others.
constexpr int kMostMissing = 2;

/// Invalid when there is no such file.
Result<UniqueFd> open_part(const Path& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && errno != ENOENT) {
    return fail(Code::broken, "open {}: {}", path.native(), std::strerror(errno));
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

Result<struct stat> status_of(const UniqueFd& file) {
  struct stat found {};
  if (fstat(file.get(), &found) != 0) {
    return fail(Code::broken, "look at a log: {}", std::strerror(errno));
  }
  return found;
}

void mark(const LogPart& part) {
  if (begins(part.file) != part.begins) {
    const std::string text = std::to_string(part.begins);
    (void)fsetxattr(part.file.get(), kBegins, text.data(), text.size(), 0);
  }
}

void mark_seen(const Path& folder, std::uint64_t where) {
  const std::optional<std::uint64_t> seen = seen_in(folder);
  if (!seen || *seen < where) {
    const std::string text = std::to_string(where);
    (void)lsetxattr(folder.c_str(), kSeen, text.data(), text.size(), 0);
  }
}

/// Where each is, as far as it can be said: what is renamed meanwhile is found out afterwards.
Result<std::vector<std::pair<UniqueFd, Path>>> open_older(const Path& log) {
  std::vector<std::pair<UniqueFd, Path>> found;
  int missing = 0;
  for (std::uint64_t age = 1; missing < kMostMissing; ++age) {
    Path path = older_part(log, age);
    UniqueFd file = TRY(open_part(path));
    missing = file.valid() ? 0 : missing + 1;
    if (file.valid()) {
      found.emplace(found.begin(), std::move(file), std::move(path));
    }
  }
  return found;
}

/// Where there is an older part all are marked. What a reader has come to counts for nothing here:
/// it may be any number.
Result<> count(LogParts& parts, const Path& folder) {
  const std::optional<std::uint64_t> seen = seen_in(folder);
  std::optional<std::uint64_t> end;
  for (LogPart& part : parts.older) {
    const std::uint64_t size = TRY(size_of_part(part));
    // The oldest without a mark is not the one that was seen last but one after that, which had as
    // many bytes, being full: the next or a later one. The one more is told as gone to who has read
    // to the end of that.
    const std::uint64_t unmarked = end ? *end : seen ? *seen + size + 1 : 0;
    part.begins = begins(part.file).value_or(unmarked);
    end = part.begins + size;
    mark(part);
  }
  if (end) {
    mark_seen(folder, *end);
  }
  if (parts.newest.file.valid()) {
    parts.newest.begins = end ? *end : begins(parts.newest.file).value_or(seen.value_or(0));
    if (end) {
      mark(parts.newest);
    }
  }
  return {};
}

}  // namespace

Path older_part(const Path& log, std::uint64_t age) {
  return log.native() + "." + std::to_string(age);
}

bool part_exists(const Path& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode);
}

Result<std::uint64_t> size_of_part(const LogPart& part) {
  const struct stat found = TRY(status_of(part.file));
  return static_cast<std::uint64_t>(found.st_size);
}

Result<bool> lies_at(const LogPart& part, const Path& path) {
  const struct stat own = TRY(status_of(part.file));
  struct stat found {};
  return lstat(path.c_str(), &found) == 0 && found.st_ino == own.st_ino &&
         found.st_dev == own.st_dev;
}

void mark_log_part(const LogPart& part, const Path& folder) {
  mark(part);
  mark_seen(folder, part.begins);
}

Result<LogParts> open_log_parts(const Path& log) {
  for (;;) {
    auto found = TRY(open_older(log));
    LogParts parts;
    parts.newest.file = TRY(open_part(log));
    bool renamed = false;
    for (auto& [file, path] : found) {
      parts.older.push_back({std::move(file), 0});
      const bool is_there = TRY(lies_at(parts.older.back(), path));
      renamed = renamed || !is_there;
    }
    if (found.empty()) {
      const UniqueFd meanwhile = TRY(open_part(older_part(log)));
      renamed = meanwhile.valid();
    }
    if (!renamed) {
      TRY(count(parts, log.parent_path()));
      return parts;
    }
  }
}

}  // namespace drover::runtimes
