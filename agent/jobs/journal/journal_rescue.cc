#include "agent/jobs/journal/journal_rescue.h"

#include <fcntl.h>
#include <stdio.h>  // renameat2
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>

#include "agent/jobs/journal/journal_check.h"

namespace drover::jobs {
namespace {

/// More in one second would be a loop of ours.
constexpr int kMostOfOneSecond = 100;

system::Path beside(const system::Path& path, std::string_view suffix) {
  system::Path result = path;
  result += suffix;
  return result;
}

system::Path suspicion_of(const system::Path& path) {
  return beside(path, ".suspect");
}

/// "20270115T080000Z".
std::string time_for_a_name(std::int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// True when `from` was there and is `to` now. Nothing that is called `to` is harmed.
Result<bool> move_aside(const system::Path& from, const system::Path& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return true;
  }
  if (errno == ENOENT) {
    return false;
  }
  return fail(errno == EEXIST ? Code::conflict : Code::broken, "rename {} to {}: {}", from.native(),
              to.native(), std::strerror(errno));
}

bool is_there(const system::Path& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

/// A name that nothing of an earlier time has.
Result<system::Path> free_name(const system::Path& path, system::Clock& clock) {
  const system::Path first = beside(path, ".corrupt-" + time_for_a_name(clock.unix_ms()));
  system::Path name = first;
  for (int next = 2; is_there(name) || is_there(beside(name, "-wal")); ++next) {
    if (next > kMostOfOneSecond) {
      return fail(Code::broken,
                  "{} of the damaged journals {} are there: look why, and delete them",
                  kMostOfOneSecond, first.native());
    }
    name = beside(first, fmt::format("-{}", next));
  }
  return name;
}

Result<system::Path> set_aside(const system::Path& path, system::Clock& clock) {
  const system::Path name = TRY(free_name(path, clock));
  // The log first: a log without its file would be taken for that of the new one.
  TRY(move_aside(beside(path, "-wal"), beside(name, "-wal")));
  TRY(move_aside(beside(path, "-shm"), beside(name, "-shm")));
  TRY(move_aside(path, name));
  const system::UniqueFd folder(
      ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || fsync(folder.get()) != 0) {
    return fail(Code::broken, "sync {}: {}", path.parent_path().native(), std::strerror(errno));
  }
  return name;
}

/// An empty file without a log has nothing to keep. On a full disk a new journal stays one, and
/// each start would leave another behind.
bool is_nothing(const system::Path& path) {
  std::error_code error;
  const bool empty = std::filesystem::file_size(path, error) == 0 && !error;
  return empty && !is_there(beside(path, "-wal"));
}

/// Why the file cannot be used, "" when it can, or there is none.
Result<std::string> look_at(const system::Path& path) {
  if (!is_there(path)) {
    return is_there(beside(path, "-wal")) ? std::string("its file is gone, its log is there")
                                          : std::string();
  }
  return damage_of(path, is_there(suspicion_of(path)));
}

}  // namespace

Result<OpenedJournal> open_or_set_aside(const system::Path& path, system::Clock& clock) {
  OpenedJournal opened;
  opened.why = TRY(look_at(path));
  if (opened.why.empty()) {
    Result<std::unique_ptr<Journal>> journal = Journal::open(path, clock);
    if (!journal) {
      // Opening writes, and may come to a place that looking did not.
      const Error error = std::move(journal).error();
      opened.why = error.code == Code::broken ? TRY(damage_of(path, true)) : std::string();
      if (opened.why.empty()) {
        return Failure(error);
      }
    } else {
      opened.journal = std::move(*journal);
    }
  }
  if (!opened.journal) {
    if (!is_nothing(path)) {
      opened.set_aside = TRY(set_aside(path, clock).context("set the damaged journal aside"));
    }
    opened.journal = TRY(Journal::open(path, clock));
  }
  std::error_code ignored;
  std::filesystem::remove(suspicion_of(path), ignored);
  return opened;
}

Result<> suspect(const system::Path& path, const std::string& why) {
  return system::write_atomically(suspicion_of(path), why + "\n", 0600);
}

}  // namespace drover::jobs
