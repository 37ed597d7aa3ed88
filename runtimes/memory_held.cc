#include "runtimes/memory_held.h"

#include <charconv>
#include <initializer_list>
#include <string_view>

#include "agent/system/file.h"

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

/// The folder of the group that bounds the process's memory (cgroups(7): "ID:CONTROLLERS:PATH").
std::optional<system::Path> memory_group(pid_t pid) {
  const auto text = system::read_file(system::Path("/proc") / std::to_string(pid) / "cgroup");
  if (!text) {
    return std::nullopt;
  }
  std::optional<system::Path> unified;
  std::optional<system::Path> memory;
  each_line(*text, [&](std::string_view line) {
    if (line.starts_with("0::/")) {
      unified = system::Path("/sys/fs/cgroup") / line.substr(4);
    } else if (const std::size_t at = line.find(":memory:/"); at != std::string_view::npos) {
      memory = system::Path("/sys/fs/cgroup/memory") / line.substr(at + 9);
    }
  });
  return memory ? memory : unified;
}

}  // namespace

std::optional<std::uint64_t> memory_held(pid_t pid) {
  const std::optional<system::Path> group = memory_group(pid);
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

Result<> check_memory_limit(const std::string& container, pid_t pid, std::uint64_t memory_mib) {
  constexpr unsigned kMib = 20;
  const std::optional<std::uint64_t> held = memory_held(pid);
  if (memory_mib == 0 || !held || *held <= memory_mib << kMib) {
    return {};
  }
  return fail(Code::conflict,
              "limit container {} to {} MiB of memory: its programs hold {} MiB now; end some, or "
              "choose a higher limit",
              container, memory_mib, (*held >> kMib) + 1);
}

}  // namespace drover::runtimes
