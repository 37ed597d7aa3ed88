#include "runtimes/oci/checkpoint_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "agent/core/json.h"
#include "agent/system/file.h"
#include "runtimes/oci/wait_for.h"

namespace drover::runtimes {
namespace {

using system::Path;

constexpr const char* kFactsFile = "checkpoint.json";
constexpr const char* kLockFile = "lock";
/// The last that CRIU logs of a dump that is whole; before it the processes have ended.
constexpr std::string_view kDone = "Dumping finished successfully";
/// It stands within the last lines of the log, and those are short.
constexpr off_t kTail = 4096;
constexpr std::chrono::milliseconds kLockLook{50};

json::Value to_json(const CheckpointFacts& facts) {
  return json::Object{{"job", facts.job},
                      {"at", facts.at_unix_ms},
                      {"leave_running", facts.wish.leave_running},
                      {"tcp_established", facts.wish.tcp_established},
                      {"file_locks", facts.wish.file_locks},
                      {"input_ended", facts.input_ended}};
}

Result<CheckpointFacts> facts_in(const Path& file) {
  const std::string text = TRY(system::read_file(file));
  const json::Value value = TRY(json::parse(text).context(file.native()));
  return CheckpointFacts{
      std::string(value.at("job").string_or("")),
      value.at("at").integer_or(0),
      {value.at("leave_running").boolean_or(false), value.at("tcp_established").boolean_or(false),
       value.at("file_locks").boolean_or(false)},
      value.at("input_ended").boolean_or(false)};
}

std::optional<CheckpointFacts> facts_if_there(const Path& file) {
  const Result<CheckpointFacts> facts = facts_in(file);
  return facts ? std::optional(*facts) : std::nullopt;
}

/// Logs of large programs have megabytes.
std::string tail_of(const Path& file) {
  const system::UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat facts {};
  if (!fd.valid() || fstat(fd.get(), &facts) != 0) {
    return "";
  }
  std::string text(static_cast<std::size_t>(std::min(facts.st_size, kTail)), '\0');
  const ssize_t got =
      pread(fd.get(), text.data(), text.size(), facts.st_size - static_cast<off_t>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

std::uint64_t bytes_in(const Path& folder) {
  std::uint64_t bytes = 0;
  for (const Path& file : system::children_of(folder)) {
    struct stat facts {};
    if (lstat(file.c_str(), &facts) == 0 && S_ISREG(facts.st_mode)) {
      bytes += static_cast<std::uint64_t>(facts.st_blocks) * 512;
    }
  }
  return bytes;
}

}  // namespace

CheckpointFolder::CheckpointFolder(const Layout& layout, const ContainerName& name)
    : bundle_(layout.bundle(name)),
      whole_(layout.checkpoint(name)),
      begun_(layout.checkpoint_begun(name)) {}

Result<> CheckpointFolder::begin(const CheckpointFacts& facts) const {
  TRY(system::remove_tree(begun_));
  for (const Path& folder : {begun_, images_begun(), work_begun()}) {
    TRY(system::make_folders(folder, 0700));
  }
  TRY(system::write_atomically(begun_ / kFactsFile, json::write(to_json(facts)), 0600));
  return note(facts);
}

Result<system::UniqueFd> CheckpointFolder::lock() const {
  const Path file = begun_ / kLockFile;
  system::UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid() || flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(errno == EWOULDBLOCK ? Code::conflict : Code::broken, "lock {}: {}", file.native(),
                std::strerror(errno));
  }
  return fd;
}

Result<> CheckpointFolder::wait_until_unlocked(const system::Stop& stop,
                                               std::chrono::milliseconds timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const Path file = begun_ / kLockFile;
  const system::UniqueFd fd(open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  while (fd.valid() && flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) {
      return fail(Code::timed_out, "a checkpoint that was begun is written still, after {} ms",
                  timeout.count());
    }
    // The lock of a file is nothing that can be waited for beside a stop.
    TRY(wait_for(stop.fd(), stop, now + kLockLook));
  }
  return {};
}

std::optional<CheckpointFacts> CheckpointFolder::begun_and_whole() const {
  if (tail_of(work_begun() / "dump.log").find(kDone) == std::string::npos) {
    return std::nullopt;
  }
  return facts_if_there(begun_ / kFactsFile);
}

Result<> CheckpointFolder::keep() const {
  // That the kernel has it, and not only in memory, is what the processes were ended for.
  const system::UniqueFd folder(open(images_begun().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || syncfs(folder.get()) != 0) {
    return fail(Code::broken, "sync {}: {}", images_begun().native(), std::strerror(errno));
  }
  TRY(system::remove_tree(whole_));
  if (rename(begun_.c_str(), whole_.c_str()) != 0) {
    return fail(Code::broken, "rename {} to {}: {}", begun_.native(), whole_.native(),
                std::strerror(errno));
  }
  return {};
}

Result<> CheckpointFolder::discard_begun() const {
  const std::optional<CheckpointFacts> begun = facts_if_there(begun_ / kFactsFile);
  if (begun && facts_if_there(note_file()) == begun && unlink(note_file().c_str()) != 0 &&
      errno != ENOENT) {
    return fail(Code::broken, "remove {}: {}", note_file().native(), std::strerror(errno));
  }
  return system::remove_tree(begun_);
}

Result<CheckpointFacts> CheckpointFolder::kept() const {
  return facts_in(whole_ / kFactsFile);
}

std::optional<Checkpoint> CheckpointFolder::whole() const {
  const std::optional<CheckpointFacts> facts = facts_if_there(whole_ / kFactsFile);
  return facts ? std::optional(
                     Checkpoint{facts->at_unix_ms, bytes_in(images()), facts->wish.leave_running})
               : std::nullopt;
}

Result<> CheckpointFolder::forget() const {
  return system::remove_tree(whole_);
}

std::optional<CheckpointFacts> CheckpointFolder::ended_run() const {
  const std::optional<CheckpointFacts> noted = facts_if_there(note_file());
  if (!noted || noted->wish.leave_running) {
    return std::nullopt;
  }
  // In this order: one that becomes whole meanwhile is renamed from the first to the second.
  const bool is_whole = begun_and_whole() == noted || facts_if_there(whole_ / kFactsFile) == noted;
  return is_whole ? noted : std::nullopt;
}

bool CheckpointFolder::is_noted() const {
  return facts_if_there(note_file()).has_value();
}

Result<> CheckpointFolder::note(const CheckpointFacts& facts) const {
  return system::write_atomically(note_file(), json::write(to_json(facts)), 0600);
}

std::string last_criu_errors(std::string_view log) {
  constexpr std::size_t kMost = 3;
  std::vector<std::string_view> errors;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    const std::string_view line = log.substr(0, end);
    // "(00.012345) Error (criu/mount.c:777): mnt: ...", for some processes with their number first.
    if (const std::size_t at = line.find("Error ("); at != std::string_view::npos) {
      errors.push_back(line.substr(at));
    }
    log = end == std::string_view::npos ? std::string_view() : log.substr(end + 1);
  }
  std::string told;
  for (std::size_t i = errors.size() - std::min(errors.size(), kMost); i < errors.size(); ++i) {
    told += (told.empty() ? "" : "; ") + std::string(errors.at(i));
  }
  return told;
}

}  // namespace drover::runtimes
