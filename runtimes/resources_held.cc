#include "runtimes/resources_held.h"

#include <charconv>
#include <initializer_list>
#include <string_view>

#include "agent/system/file.h"
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
  const auto text = system::read_file(system::Path("/proc") / std::to_string(pid) / "cgroup");
  if (!text) {
    return std::nullopt;
  }
  const system::Path top = "/sys/fs/cgroup";
  std::optional<system::Path> unified;
  std::optional<system::Path> separate;
  // Lines of "ID:CONTROLLERS:PATH" (cgroups(7)), with commas between controllers that go together.
  each_line(*text, [&](std::string_view line) {
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
  const auto text = group ? system::read_file(*group / "memory.stat")
                          : Result<std::string>(fail(Code::not_found, "no group"));
  if (!text) {
    return std::nullopt;
  }
  // v2 has the first two, v1 the others, which count the groups below with it, as v2's do.
  std::optional<std::uint64_t> held;
  each_line(*text, [&](std::string_view line) {
    for (const std::string_view name : {"anon ", "shmem ", "total_rss ", "total_shmem "}) {
      std::uint64_t bytes = 0;
      const char* const end = line.data() + line.size();
      if (line.starts_with(name) &&
          std::from_chars(line.data() + name.size(), end, bytes).ec == std::errc()) {
        held = held.value_or(0) + bytes;
      }
    }
  });
  return held;
}

std::optional<std::uint64_t> pids_held(pid_t pid) {
  const std::optional<system::Path> group = group_of(pid, "pids");
  const auto text = group ? system::read_file(*group / "pids.current")
                          : Result<std::string>(fail(Code::not_found, "no group"));
  std::uint64_t held = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), held).ec != std::errc()) {
    return std::nullopt;
  }
  return held;
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
