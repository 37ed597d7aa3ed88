#include "runtimes/log_rotation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "agent/system/crash_point.h"
#include "agent/system/unique_fd.h"
#include "runtimes/log_parts.h"

namespace drover::runtimes {
namespace {

using system::Path;
using system::UniqueFd;

Result<> move_log(const Path& from, const Path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return fail(Code::broken, "rename {} to {}: {}", from.native(), to.native(),
                std::strerror(errno));
  }
  return {};
}

Result<UniqueFd> make_log(const Path& path, int flag) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | flag | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid() && errno != EEXIST) {
    return fail(Code::broken, "make {}: {}", path.native(), std::strerror(errno));
  }
  return file;
}

/// Those that are older than the log has files, and the next one that would be.
void remove_from(const Path& log, std::uint64_t age) {
  while (::unlink(older_part(log, age).c_str()) == 0) {
    ++age;
  }
}

Result<> append(const UniqueFd& to, const LogPart& from) {
  if (!from.file.valid()) {
    return {};
  }
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t size = ::read(from.file.get(), buffer.data(), buffer.size());
    if (size < 0) {
      return fail(Code::broken, "read a log: {}", std::strerror(errno));
    }
    if (size == 0) {
      return {};
    }
    TRY(system::write_all(to.get(), {buffer.data(), static_cast<std::size_t>(size)}));
  }
}

Result<> join(const LogParts& parts, const Path& whole, const Path& to) {
  LogPart joined;
  joined.file = TRY(make_log(whole, O_TRUNC));
  joined.begins = parts.older.front().begins;
  mark_log_part(joined, whole.parent_path());
  for (const LogPart& part : parts.older) {
    TRY(append(joined.file, part));
  }
  TRY(append(joined.file, parts.newest));
  return move_log(whole, to);
}

}  // namespace

LogBounds bounds_of(const LogPolicy& policy, const LogBounds& of_node) {
  constexpr int kMib = 20;
  return {policy.max_size_mib != 0 ? policy.max_size_mib << kMib : of_node.file_bytes,
          policy.max_files != 0 ? policy.max_files : of_node.files};
}

Result<> begin_rotated_log(const Path& log) {
  TRY(make_log(log, O_EXCL));
  const LogParts parts = TRY(open_log_parts(log));
  if (parts.newest.file.valid() && parts.older.empty()) {
    mark_log_part(parts.newest, log.parent_path());
  }
  return {};
}

Result<> end_torn_record(const Path& log) {
  const UniqueFd file(::open(log.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  const off_t size = file.valid() ? lseek(file.get(), 0, SEEK_END) : 0;
  char last = '\n';
  if (size > 0 && ::pread(file.get(), &last, 1, size - 1) == 1 && last != '\n') {
    return system::write_all(file.get(), "\n");
  }
  return {};
}

Result<bool> set_aside_full_log(const Path& log, const LogBounds& bounds) {
  const LogParts parts = TRY(open_log_parts(log));
  if (!parts.newest.file.valid()) {
    return false;
  }
  const std::uint64_t size = TRY(size_of_part(parts.newest));
  if (size <= bounds.file_bytes) {
    return false;
  }
  mark_log_part(parts.newest, log.parent_path());  // also of one that its writer has made alone
  // After a crash amidst this there is one name between them that nobody has.
  const std::uint64_t oldest = std::max<std::uint64_t>(bounds.files, 2) - 1;
  std::uint64_t age = 1;
  while (age < oldest && part_exists(older_part(log, age))) {
    ++age;
  }
  for (; age > 1; --age) {
    TRY(move_log(older_part(log, age - 1), older_part(log, age)));
    system::crash_point("log turned in part");
  }
  TRY(move_log(log, older_part(log)));
  remove_from(log, oldest + 1);
  return true;
}

Result<> turn_rotated_log(const Path& log, const LogBounds& bounds) {
  const bool turned = TRY(set_aside_full_log(log, bounds));
  if (turned) {
    system::crash_point("log turned before the next part");
    TRY(begin_rotated_log(log));
  }
  return {};
}

Result<> join_rotated_log(const Path& log, const Path& to) {
  const Path whole = log.native() + ".whole";
  const LogParts parts = TRY(open_log_parts(log));
  if (parts.older.empty()) {
    return parts.newest.file.valid() ? move_log(log, to) : Result<>();
  }
  Result<> done;
  if (parts.newest.file.valid() || !part_exists(to)) {
    done = join(parts, whole, to);
    if (!done) {
      ::unlink(whole.c_str());
      if (::link(log.c_str(), to.c_str()) != 0 && errno != EEXIST) {
        return done;
      }
      done = Failure(Error(done.error()).context("only its newest part"));
    }
    // It goes first: without it the others are known to be joined, and who reads it finds no part
    // that he could take for the next one.
    if (std::rename(log.c_str(), whole.c_str()) != 0) {
      ::unlink(log.c_str());
    }
    system::crash_point("log joined before its parts go");
  }
  remove_from(log, 1);
  ::unlink(whole.c_str());
  return done;
}

}  // namespace drover::runtimes
