#include "agent/core/resources.h"

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/core/json_members.h"

namespace drover {
namespace {

constexpr std::int64_t kMostMemoryMib = std::int64_t{64} << 20;
constexpr std::int64_t kMostDiskMib = std::int64_t{1} << 30;
/// Those of the kernel (CONFIG_NR_CPUS) are fewer.
constexpr unsigned kMostCpu = 8191;
constexpr std::size_t kMostCpuset = 1024;
/// Sizes of pages of all architectures, as the kernel's control groups name them.
constexpr std::array<std::string_view, 9> kPageSizes = {"64KB", "512KB", "1MB", "2MB", "16MB",
                                                        "32MB", "512MB", "1GB", "16GB"};

/// The number in front of `text`, which is taken off it.
std::optional<unsigned> take_cpu(std::string_view& text) {
  unsigned cpu = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  if (error != std::errc() || cpu > kMostCpu) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return cpu;
}

/// Numbers and ranges with commas between (cpuset(7), "List format").
bool is_cpu_list(std::string_view text) {
  while (true) {
    const std::optional<unsigned> first = take_cpu(text);
    if (!first) {
      return false;
    }
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      const std::optional<unsigned> last = take_cpu(text);
      if (!last || *last < *first) {
        return false;
      }
    }
    if (text.empty()) {
      return true;
    }
    if (text.front() != ',') {
      return false;
    }
    text.remove_prefix(1);
  }
}

std::string read_cpuset(Fields& limits) {
  std::string cpus = limits.string("cpuset");
  if (!cpus.empty() && (cpus.size() > kMostCpuset || !is_cpu_list(cpus))) {
    limits.fault("cpuset", "must be numbers of CPUs and ranges of them, as \"0-1,3\"");
    return "";
  }
  return cpus;
}

std::map<std::string, std::uint64_t> read_hugetlb(Fields& limits, Faults& faults) {
  std::map<std::string, std::uint64_t> bounds;
  limits.object("hugetlb_mib", [&](const json::Value& value, std::string at) {
    Fields sizes(value, std::move(at), faults);
    for (const std::string_view size : kPageSizes) {
      const std::int64_t mib = sizes.integer(size, 0, 1, kMostMemoryMib);
      if (mib != 0) {
        bounds.emplace(size, static_cast<std::uint64_t>(mib));
      }
    }
    sizes.finish();
  });
  return bounds;
}

}  // namespace

Resources read_resources(Fields& fields, Faults& faults) {
  Resources resources;
  fields.object("resources", [&](const json::Value& value, std::string at) {
    Fields limits(value, std::move(at), faults);
    const auto whole = [&limits](std::string_view key, std::int64_t least, std::int64_t most) {
      return static_cast<std::uint64_t>(limits.integer(key, 0, least, most));
    };
    resources.memory_mib = whole("memory_mib", 4, kMostMemoryMib);
    resources.swap_mib = whole("swap_mib", 1, kMostMemoryMib);
    resources.cpus = limits.number("cpus", 0, 0.01, 1024);
    resources.cpuset = read_cpuset(limits);
    resources.cpu_shares = whole("cpu_shares", 2, 262144);
    resources.pids = whole("pids", 1, 4194304);
    resources.io = read_io_limits(limits, faults);
    resources.hugetlb_mib = read_hugetlb(limits, faults);
    resources.disk_mib = whole("disk_mib", 1, kMostDiskMib);
    limits.finish();
  });
  return resources;
}

json::Object to_json(const Resources& resources) {
  json::Object object;
  const auto set_number = [&object](std::string_view key, std::uint64_t number) {
    if (number != 0) {
      object.set(key, number);
    }
  };
  set_number("memory_mib", resources.memory_mib);
  set_number("swap_mib", resources.swap_mib);
  if (resources.cpus != 0) {
    object.set("cpus", resources.cpus);
  }
  set_unless_empty(object, "cpuset", resources.cpuset);
  set_number("cpu_shares", resources.cpu_shares);
  set_number("pids", resources.pids);
  if (json::Object io = to_json(resources.io); !io.empty()) {
    object.set("io", std::move(io));
  }
  if (!resources.hugetlb_mib.empty()) {
    object.set("hugetlb_mib", object_of(resources.hugetlb_mib));
  }
  set_number("disk_mib", resources.disk_mib);
  return object;
}

}  // namespace drover
