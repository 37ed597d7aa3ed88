#include "runtimes/oci/lack_of_memory.h"

#include <csignal>
#include <filesystem>

#include "agent/system/kernel_log.h"
#include "runtimes/oci/cgroup.h"
#include "runtimes/oci/pid_file.h"

namespace drover::runtimes {
namespace {

using system::Path;

/// As conmon calls it.
constexpr const char* kNote = "oom";
/// The kernel's log was asked: it is long, and a container may be ended for weeks.
constexpr const char* kAskedNote = "oom-asked";

bool is_there(const Path& file) {
  std::error_code error;
  return std::filesystem::exists(file, error);
}

/// Where that fails it is found out once more, if it still can be.
void leave(const Path& note) {
  [[maybe_unused]] const Result<> written = system::write_unsynced(note, "", 0600);
}

}  // namespace

bool ended_for_memory(const EndedProcess& ended, const Exit& exit) {
  if (exit.code != 128 + SIGKILL || is_there(ended.bundle / kKilledNote)) {
    return false;
  }
  if (is_there(ended.bundle / kNote)) {
    return true;
  }
  bool found = had_lack_of_memory(ended.cgroup);
  if (!found && !is_there(ended.bundle / kAskedNote)) {
    const std::optional<system::ProcessId> process = process_in(ended.pid_file);
    found = process && system::was_ended_for_memory(*process);
    leave(ended.bundle / kAskedNote);
  }
  if (found) {
    leave(ended.bundle / kNote);
  }
  return found;
}

}  // namespace drover::runtimes
