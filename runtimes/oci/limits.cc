#include "runtimes/oci/limits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "runtimes/oci/node_device.h"

namespace drover::runtimes {
namespace {

/// The kernel's own default, in microseconds.
constexpr std::int64_t kCpuPeriod = 100'000;
constexpr std::int64_t kLeastCpuQuota = 1'000;
constexpr unsigned kMib = 20;

json::Object memory_of(const Resources& whole) {
  const std::uint64_t bytes = whole.memory_mib << kMib;
  json::Object memory{{"limit", bytes}};
  if (can_limit_swap()) {
    // Memory and swap together.
    memory.set("swap", bytes + (whole.swap_mib << kMib));
  }
  return memory;
}

json::Object cpu_of(const Resources& whole) {
  json::Object cpu;
  if (whole.cpus > 0) {
    const auto quota = std::llround(whole.cpus * static_cast<double>(kCpuPeriod));
    cpu.set("period", kCpuPeriod);
    cpu.set("quota", std::max<std::int64_t>(quota, kLeastCpuQuota));
  }
  if (whole.cpu_shares != 0) {
    cpu.set("shares", whole.cpu_shares);
  }
  if (!whole.cpuset.empty()) {
    cpu.set("cpus", whole.cpuset);
  }
  return cpu;
}

}  // namespace

bool can_limit_swap() {
  std::error_code error;
  return std::filesystem::exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", error) ||
         std::filesystem::exists("/sys/fs/cgroup/system.slice/memory.swap.max", error);
}

json::Object limits_of(const Resources& whole) {
  json::Object limits;
  if (whole.memory_mib != 0) {
    limits.set("memory", memory_of(whole));
  }
  if (json::Object cpu = cpu_of(whole); !cpu.empty()) {
    limits.set("cpu", std::move(cpu));
  }
  if (whole.pids != 0) {
    limits.set("pids", json::Object{{"limit", whole.pids}});
  }
  if (!whole.hugetlb_mib.empty()) {
    json::Array pages;
    for (const auto& [size, mib] : whole.hugetlb_mib) {
      pages.emplace_back(json::Object{{"pageSize", size}, {"limit", mib << kMib}});
    }
    limits.set("hugepageLimits", std::move(pages));
  }
  return limits;
}

Result<json::Object> block_io_of(const IoLimits& limits) {
  json::Object io;
  if (limits.weight != 0) {
    io.set("weight", limits.weight);
  }
  struct Rate {
    std::string_view key;
    std::uint64_t DeviceIoLimit::*of;
  };
  for (const Rate& rate : {Rate{"throttleReadBpsDevice", &DeviceIoLimit::read_bps},
                           Rate{"throttleWriteBpsDevice", &DeviceIoLimit::write_bps},
                           Rate{"throttleReadIOPSDevice", &DeviceIoLimit::read_iops},
                           Rate{"throttleWriteIOPSDevice", &DeviceIoLimit::write_iops}}) {
    json::Array devices;
    for (const DeviceIoLimit& device : limits.devices) {
      if (device.*rate.of == 0) {
        continue;
      }
      const NodeDevice disk = TRY(find_node_device(device.path).context("resources.io.devices"));
      if (!disk.is_block) {
        return fail(Code::refused, "resources.io.devices: {} is no disk of the node", device.path);
      }
      devices.emplace_back(
          json::Object{{"major", disk.major}, {"minor", disk.minor}, {"rate", device.*rate.of}});
    }
    if (!devices.empty()) {
      io.set(rate.key, std::move(devices));
    }
  }
  return io;
}

Result<> check_limits(const Resources& whole, std::string_view runtime) {
  if (whole.swap_mib != 0 && whole.memory_mib == 0) {
    return fail(Code::refused,
                "{}, resources.swap_mib: swap is bounded together with memory only, and "
                "resources.memory_mib is not given",
                runtime);
  }
  if (whole.swap_mib != 0 && !can_limit_swap()) {
    return fail(Code::refused,
                "{}, resources.swap_mib: the node's kernel does not bound swap; start it with "
                "swapaccount=1, or leave this out",
                runtime);
  }
  return {};
}

void set_limits(Spec& spec, const Resources& whole) {
  const json::Object limits = limits_of(whole);
  const json::Value before = spec.document().at("linux").at("resources");
  for (const std::string_view key : {"memory", "cpu", "pids", "hugepageLimits"}) {
    if (const json::Value* limit = limits.find(key)) {
      spec.set({"linux", "resources", key}, *limit);
    } else if (before.at(key).array() != nullptr) {
      spec.set({"linux", "resources", key}, json::Array());
    } else if (!before.at(key).is_null()) {
      spec.set({"linux", "resources", key}, json::Object());
    }
  }
}

}  // namespace drover::runtimes
