#include "runtimes/resources_held.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "agent/system/file.h"
#include "runtimes/kernel_counters.h"
#include "runtimes/lxc/lxc_config.h"

namespace drover::runtimes {
namespace {

/// Calls `use` with each line, without its end.
template <class Use>
void each_line(std::string_view text, const Use& use) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    use(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// An init in a container of LXC makes groups below the one that has the container's limits, and is
/// in one of them itself. Guests of Proxmox run in "lxc/VMID/ns", and "lxc/VMID" has the limits.
system::Path bounding(const system::Path& group) {
  system::Path whole;
  for (const system::Path& part : group) {
    if (whole.parent_path() == "lxc" && part == "ns") {
      break;
    }
    whole /= part;
    if (part.native().starts_with(kLxcCgroups)) {
      break;
    }
  }
  return whole;
}

}  // namespace

std::optional<system::Path> group_of(pid_t pid, std::string_view controller) {
  return group_in(groups_of(pid), controller);
}

std::string groups_of(pid_t pid) {
  return system::read_file(fmt::format("/proc/{}/cgroup", pid)).value_or("");
}

std::optional<system::Path> group_in(std::string_view groups, std::string_view controller) {
  const system::Path top = "/sys/fs/cgroup";
  std::optional<system::Path> unified;
  std::optional<system::Path> separate;
  // Lines of "ID:CONTROLLERS:PATH" (cgroups(7)), with commas between controllers that go together.
  each_line(groups, [&](std::string_view line) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos || line.substr(second + 1, 1) != "/") {
      return;
    }
    const std::string controllers(line.substr(first + 1, second - first - 1));
    const system::Path inside = bounding(line.substr(second + 2));
    if (controllers.empty()) {
      unified = top / inside;
    } else if (fmt::format(",{},", controllers).find(fmt::format(",{},", controller)) !=
               std::string::npos) {
      separate = top / controller / inside;
    }
  });
  return separate ? separate : unified;
}

std::optional<std::uint64_t> memory_held(pid_t pid) {
  const std::optional<system::Path> group = group_of(pid, "memory");
  const std::string text = group ? system::read_file(*group / "memory.stat").value_or("") : "";
  // v2 has the first two, v1 the others, which count the groups below with it, as v2's do.
  std::optional<std::uint64_t> held;
  for (const std::string_view key : {"anon", "shmem", "total_rss", "total_shmem"}) {
    if (const Count bytes = number_of_key(text, key)) {
      held = held.value_or(0) + *bytes;
    }
  }
  return held;
}

std::optional<std::uint64_t> pids_held(pid_t pid) {
  const std::optional<system::Path> group = group_of(pid, "pids");
  return group ? single_number(system::read_file(*group / "pids.current").value_or(""))
               : std::nullopt;
}

Result<> check_held(const std::string& container, pid_t pid, const Resources& limits) {
  constexpr unsigned kMib = 20;
  const std::optional<std::uint64_t> memory = memory_held(pid);
  if (limits.memory_mib != 0 && memory && *memory > limits.memory_mib << kMib) {
    return fail(Code::conflict,
                "limit container {} to {} MiB of memory: its programs hold {} MiB now; end some, "
                "or choose a higher limit",
                container, limits.memory_mib, (*memory >> kMib) + 1);
  }
  const std::optional<std::uint64_t> pids = pids_held(pid);
  if (limits.pids != 0 && pids && *pids > limits.pids) {
    return fail(Code::conflict,
                "limit container {} to {} processes: it has {} now, threads among them; end some, "
                "or choose a higher limit",
                container, limits.pids, *pids);
  }
  return {};
}

}  // namespace drover::runtimes
