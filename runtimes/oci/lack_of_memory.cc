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
/// Of more, those that were asked of are asked of once more.
constexpr std::size_t kMostAsked = 4096;

bool is_there(const Path& file) {
  std::error_code error;
  return std::filesystem::exists(file, error);
}

}  // namespace

bool LackOfMemory::was_end_of(const EndedProcess& ended, const Exit& exit) {
  if (exit.code != 128 + SIGKILL || is_there(ended.bundle / kKilledNote)) {
    return false;
  }
  if (is_there(ended.bundle / kNote) || had_lack_of_memory(ended.cgroup)) {
    return true;
  }
  const std::optional<system::ProcessId> process = process_in(ended.pid_file);
  return process && ask_kernel(*process);
}

bool LackOfMemory::ask_kernel(const system::ProcessId& process) {
  const std::pair key{process.pid, process.start_time};
  const std::lock_guard lock(mutex_);
  if (const auto known = asked_.find(key); known != asked_.end()) {
    return known->second;
  }
  if (asked_.size() >= kMostAsked) {
    asked_.clear();
  }
  return asked_[key] = system::was_ended_for_memory(process);
}

}  // namespace drover::runtimes
