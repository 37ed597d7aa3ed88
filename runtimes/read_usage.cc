#include "runtimes/read_usage.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "agent/system/process.h"
#include "runtimes/kernel_counters.h"
#include "runtimes/resources_held.h"

namespace drover::runtimes {
namespace {

using system::Path;

constexpr std::size_t kMostCounterBytes = std::size_t{256} << 10;

/// None for one that is not there.
std::optional<std::string> text_in(const std::optional<Path>& folder, std::string_view file) {
  Result<std::string> text = folder ? system::read_file(*folder / file, kMostCounterBytes)
                                    : fail(Code::not_found, "no folder");
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

Count count_in(const std::optional<Path>& folder, std::string_view file) {
  return single_number(text_in(folder, file).value_or(""));
}

Count times(const Count& count, std::uint64_t factor) {
  return count ? Count(*count * factor) : count;
}

/// cgroup v1 has no word for "no limit" but the most pages that its counters can hold.
Count limit_of_v1(const Count& bytes) {
  constexpr std::uint64_t kNone = std::uint64_t{1} << 62;
  return bytes && *bytes < kNone ? bytes : std::nullopt;
}

CpuUsage cpu_usage_of(const UsageFolders& folders) {
  constexpr std::uint64_t kNanoInMicro = 1000;
  const std::string stat = text_in(folders.cpu, "cpu.stat").value_or("");
  CpuUsage cpu;
  cpu.periods = number_of_key(stat, "nr_periods");
  cpu.throttled_periods = number_of_key(stat, "nr_throttled");
  if (const Count used = number_of_key(stat, "usage_usec")) {
    cpu.usage_ns = times(used, kNanoInMicro);
    cpu.user_ns = times(number_of_key(stat, "user_usec"), kNanoInMicro);
    cpu.system_ns = times(number_of_key(stat, "system_usec"), kNanoInMicro);
    cpu.throttled_ns = times(number_of_key(stat, "throttled_usec"), kNanoInMicro);
    const std::string most = text_in(folders.cpu, "cpu.max").value_or("");
    const std::string_view line = std::string_view(most).substr(0, most.find('\n'));
    const std::size_t blank = std::min(line.find(' '), line.size());
    cpu.limit_cores =
        cores_of(line.substr(0, blank), line.substr(std::min(blank + 1, line.size())));
    return cpu;
  }
  cpu.throttled_ns = number_of_key(stat, "throttled_time");
  cpu.usage_ns = count_in(folders.cpuacct, "cpuacct.usage");
  cpu.user_ns = count_in(folders.cpuacct, "cpuacct.usage_user");
  cpu.system_ns = count_in(folders.cpuacct, "cpuacct.usage_sys");
  const Count quota = count_in(folders.cpu, "cpu.cfs_quota_us");
  const Count period = count_in(folders.cpu, "cpu.cfs_period_us");
  if (quota && period) {
    cpu.limit_cores = cores_of(std::to_string(*quota), std::to_string(*period));
  }
  return cpu;
}

Count without(const Count& whole, const Count& part) {
  return whole && part ? Count(*whole - std::min(*whole, *part)) : std::nullopt;
}

void read_memory(const std::optional<Path>& folder, Usage& usage) {
  MemoryUsage& memory = usage.memory;
  SwapUsage& swap = usage.swap;
  const std::string stat = text_in(folder, "memory.stat").value_or("");
  if (const Count current = count_in(folder, "memory.current")) {
    memory.usage_bytes = current;
    memory.working_set_bytes = without(current, number_of_key(stat, "inactive_file"));
    memory.limit_bytes = count_in(folder, "memory.max");
    memory.peak_bytes = count_in(folder, "memory.peak");
    memory.oom_kills = number_of_key(text_in(folder, "memory.events").value_or(""), "oom_kill");
    swap.usage_bytes = count_in(folder, "memory.swap.current");
    swap.limit_bytes = count_in(folder, "memory.swap.max");
    return;
  }
  memory.usage_bytes = count_in(folder, "memory.usage_in_bytes");
  memory.working_set_bytes =
      without(memory.usage_bytes, number_of_key(stat, "total_inactive_file"));
  memory.limit_bytes = limit_of_v1(count_in(folder, "memory.limit_in_bytes"));
  memory.peak_bytes = count_in(folder, "memory.max_usage_in_bytes");
  memory.oom_kills = number_of_key(text_in(folder, "memory.oom_control").value_or(""), "oom_kill");
  swap.usage_bytes = number_of_key(stat, "total_swap");
  // Its limit there is of both together.
  swap.limit_bytes =
      without(limit_of_v1(count_in(folder, "memory.memsw.limit_in_bytes")), memory.limit_bytes);
}

IoUsage io_usage_of(const std::optional<Path>& folder) {
  if (const std::optional<std::string> stat = text_in(folder, "io.stat")) {
    return io_of_stat(*stat);
  }
  const auto bytes = text_in(folder, "blkio.throttle.io_service_bytes_recursive");
  const auto counts = text_in(folder, "blkio.throttle.io_serviced_recursive");
  IoUsage io;
  if (bytes) {
    const ReadsAndWrites sums = sums_of_blkio(*bytes);
    io.read_bytes = sums.reads;
    io.write_bytes = sums.writes;
  }
  if (counts) {
    const ReadsAndWrites sums = sums_of_blkio(*counts);
    io.reads = sums.reads;
    io.writes = sums.writes;
  }
  return io;
}

std::optional<std::vector<InterfaceUsage>> networks_of(pid_t pid) {
  std::error_code error;
  const Path proc = Path("/proc") / std::to_string(pid);
  const Path own = std::filesystem::read_symlink("/proc/self/ns/net", error);
  const Path inside = error ? Path() : std::filesystem::read_symlink(proc / "ns/net", error);
  const auto text = text_in(proc / "net", "dev");
  return error || inside == own || !text ? std::nullopt : std::optional(interfaces_of(*text));
}

}  // namespace

Usage usage_of_groups(const UsageFolders& folders) {
  Usage usage;
  usage.cpu = cpu_usage_of(folders);
  read_memory(folders.memory, usage);
  usage.pids = {count_in(folders.pids, "pids.current"), count_in(folders.pids, "pids.max")};
  usage.io = io_usage_of(folders.io);
  return usage;
}

Result<Usage> usage_of(const system::UniqueFd& first_process) {
  const pid_t pid = TRY(system::pid_of(first_process));
  const std::string groups = groups_of(pid);
  Usage usage = usage_of_groups({group_in(groups, "cpu"), group_in(groups, "cpuacct"),
                                 group_in(groups, "memory"), group_in(groups, "pids"),
                                 group_in(groups, "blkio")});
  usage.networks = networks_of(pid);
  // As long as it has not ended, its number was nobody else's while all that was read.
  TRY(system::pid_of(first_process));
  return usage;
}

}  // namespace drover::runtimes
