#include "tests/pve-sim/guest_limits.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

namespace drover::pve_sim {
namespace {

bool exists(const char* file) {
  std::error_code error;
  return std::filesystem::exists(std::string("/sys/fs/cgroup/") + file, error);
}

std::int64_t mib(const json::Object& config, const char* key) {
  const json::Value* value = config.find(key);
  return (value == nullptr ? 0 : value->integer_or(0)) << 20;
}

double cores(const json::Object& config) {
  const json::Value* value = config.find("cpulimit");
  const std::string* text = value == nullptr ? nullptr : value->string();
  return text == nullptr ? 0 : std::strtod(text->c_str(), nullptr);
}

}  // namespace

std::string lxc_limits_of(const json::Object& config) {
  const std::int64_t memory = mib(config, "memory");
  const std::int64_t swap = mib(config, "swap");
  constexpr int kPeriod = 100'000;
  const auto quota = std::lround(cores(config) * kPeriod);
  std::string lines;
  if (memory > 0 && exists("memory/memory.limit_in_bytes")) {
    lines += fmt::format("lxc.cgroup.memory.limit_in_bytes = {}\n", memory);
    if (exists("memory/memory.memsw.limit_in_bytes")) {
      lines += fmt::format("lxc.cgroup.memory.memsw.limit_in_bytes = {}\n", memory + swap);
    }
  } else if (memory > 0) {
    lines += fmt::format("lxc.cgroup2.memory.max = {}\nlxc.cgroup2.memory.swap.max = {}\n", memory,
                         swap);
  }
  if (quota > 0 && exists("cpu/cpu.cfs_quota_us")) {
    lines += fmt::format("lxc.cgroup.cpu.cfs_period_us = {}\nlxc.cgroup.cpu.cfs_quota_us = {}\n",
                         kPeriod, quota);
  } else if (quota > 0) {
    lines += fmt::format("lxc.cgroup2.cpu.max = {} {}\n", quota, kPeriod);
  }
  return lines;
}

}  // namespace drover::pve_sim
