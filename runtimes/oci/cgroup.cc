#include "runtimes/oci/cgroup.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <vector>

#include "agent/system/file.h"
#include "agent/system/unique_fd.h"
#include "runtimes/kernel_counters.h"
#include "runtimes/oci/wait_for.h"

namespace drover::runtimes {
namespace {

using system::Path;

constexpr std::string_view kHierarchies = "/sys/fs/cgroup";
constexpr std::chrono::seconds kEndingTime{2};

/// The one of v2, and those of v1 below it.
std::vector<Path> hierarchies() {
  std::vector<Path> all{Path(kHierarchies)};
  std::error_code error;
  for (std::filesystem::directory_iterator entry(kHierarchies, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->is_directory(error)) {
      all.push_back(entry->path());
    }
  }
  return all;
}

/// Pidfds of what is in the group itself.
std::vector<system::UniqueFd> members_of(const Path& group) {
  std::vector<system::UniqueFd> members;
  const std::string pids = system::read_file(group / "cgroup.procs").value_or("");
  const char* at = pids.data();
  const char* const last = at + pids.size();
  while (at < last) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(at, last, pid);
    at = end + 1;
    system::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (error == std::errc() && process.valid()) {
      members.push_back(std::move(process));
    }
  }
  return members;
}

Result<> wait_for_members(const Path& group, const system::Stop& stop) {
  const auto deadline = std::chrono::steady_clock::now() + kEndingTime;
  for (const system::UniqueFd& process : members_of(group)) {
    if (!TRY(wait_for(process.get(), stop, deadline))) {
      return {};
    }
  }
  return {};
}

/// Whether the file of a control group says that the kernel has ended a process of it.
bool counts_a_kill(const Path& file) {
  return number_of_key(system::read_file(file).value_or(""), "oom_kill").value_or(0) != 0;
}

}  // namespace

std::string cgroup_of(const ContainerName& name, bool systemd) {
  return systemd ? "drover.slice:drover:" + name.str() : "/drover/" + name.str();
}

std::string cgroup_path_of(const ContainerName& name, bool systemd) {
  return systemd ? "/drover.slice/drover-" + name.str() + ".scope" : "/drover/" + name.str();
}

bool is_in_cgroup(pid_t pid, const ContainerName& name) {
  // Lines of "number:controllers:/path" (cgroups(7)); the container may have made groups of its own
  // below its group.
  const std::string groups = system::read_file(fmt::format("/proc/{}/cgroup", pid)).value_or("");
  for (const std::string& group : {cgroup_path_of(name, false), cgroup_path_of(name, true)}) {
    for (const char end : {'\n', '/'}) {
      if (groups.find(group + end) != std::string::npos) {
        return true;
      }
    }
  }
  return false;
}

bool had_lack_of_memory(const std::string& cgroup) {
  const std::string root(kHierarchies);
  if (counts_a_kill(Path(root + cgroup) / "memory.events")) {
    return true;
  }
  // Version 1 counts where the process was, and an init has groups of its own below
  // (memcg_memory_event of the kernel); version 2 counts above as well.
  // Not by an iterator over all of them, which libstdc++ 12 leaks when a group goes meanwhile.
  std::vector<Path> groups{root + "/memory" + cgroup};
  while (!groups.empty()) {
    const Path group = std::move(groups.back());
    groups.pop_back();
    if (counts_a_kill(group / "memory.oom_control")) {
      return true;
    }
    for (Path& child : system::children_of(group)) {
      std::error_code error;
      if (std::filesystem::is_directory(child, error)) {
        groups.push_back(std::move(child));
      }
    }
  }
  return false;
}

void end_group(const std::string& cgroup) {
  for (const Path& hierarchy : hierarchies()) {
    for (const system::UniqueFd& process : members_of(hierarchy.native() + cgroup)) {
      syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0U);
    }
  }
}

Result<> remove_cgroup(const std::string& cgroup, const system::Stop& stop) {
  for (const Path& hierarchy : hierarchies()) {
    const Path group = hierarchy.native() + cgroup;
    std::error_code error;
    if (std::filesystem::is_directory(group, error)) {
      TRY(wait_for_members(group, stop));
      rmdir(group.c_str());
    }
  }
  return {};
}

}  // namespace drover::runtimes
