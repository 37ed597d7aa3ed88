#include "runtimes/lxc/lxc_limits.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "runtimes/oci/bundle.h"

namespace drover::runtimes {
namespace {

/// A limit that is there and above 0; negative ones are OCI's "none".
std::optional<std::int64_t> given(const json::Value& resources, const char* kind,
                                  const char* what) {
  const std::int64_t value = resources.at(kind).at(what).integer_or(0);
  return value > 0 ? std::optional(value) : std::nullopt;
}

std::string text_or(std::optional<std::int64_t> value, std::string_view none) {
  return value ? std::to_string(*value) : std::string(none);
}

/// The range of v1's shares, 2 to 262144, on that of v2's weights, 1 to 10000, as runc and crun 1.8
/// have it.
std::int64_t weight_of_shares(std::int64_t shares) {
  return 1 + (std::clamp<std::int64_t>(shares, 2, 262'144) - 2) * 9'999 / 262'142;
}

class Limits {
 public:
  /// With `whole` those are set, too, that are none.
  Limits(const json::Value& resources, bool unified, bool whole)
      : resources_(resources), unified_(unified), whole_(whole) {}

  CgroupValues take() {
    add_memory();
    if (const auto pids = given(resources_, "pids", "limit"); pids || whole_) {
      add("pids.max", text_or(pids, "max"));
    }
    add_cpu();
    add_io();
    add_hugetlb();
    return std::move(all_);
  }

 private:
  void add(std::string key, std::string value) {
    all_.emplace_back(std::move(key), std::move(value));
  }

  void add_memory() {
    const auto memory = given(resources_, "memory", "limit");
    // Of memory and swap together.
    const auto both = given(resources_, "memory", "swap");
    if (!memory && !whole_) {
      return;
    }
    const bool swap = can_limit_swap();
    if (unified_) {
      add("memory.max", text_or(memory, "max"));
      if (swap) {
        add("memory.swap.max",
            memory && both ? std::to_string(std::max<std::int64_t>(*both - *memory, 0)) : "max");
      }
      return;
    }
    if (swap && whole_) {
      // The one may never be above the other, whichever way both go.
      add("memory.memsw.limit_in_bytes", "-1");
    }
    add("memory.limit_in_bytes", text_or(memory, "-1"));
    if (swap && (both || whole_)) {
      add("memory.memsw.limit_in_bytes", text_or(both, "-1"));
    }
  }

  void add_cpu() {
    const auto quota = given(resources_, "cpu", "quota");
    const std::string period = text_or(given(resources_, "cpu", "period"), "100000");
    if (quota || whole_) {
      if (unified_) {
        add("cpu.max", text_or(quota, "max") + " " + period);
      } else {
        add("cpu.cfs_period_us", period);
        add("cpu.cfs_quota_us", text_or(quota, "-1"));
      }
    }
    if (const auto shares = given(resources_, "cpu", "shares")) {
      add(unified_ ? "cpu.weight" : "cpu.shares",
          std::to_string(unified_ ? weight_of_shares(*shares) : *shares));
    }
    for (const char* what : {"cpus", "mems"}) {
      if (const auto set = resources_.at("cpu").at(what).string_or(""); !set.empty()) {
        add(std::string("cpuset.") + what, std::string(set));
      }
    }
  }

  void add_io() {
    if (const auto weight = given(resources_, "blockIO", "weight")) {
      add_io_weight(*weight);
    }
    struct Bound {
      const char* of;  ///< in the OCI configuration
      const char* v1;
      const char* v2;
    };
    constexpr std::array<Bound, 4> kBounds = {{{"throttleReadBpsDevice", "read_bps", "rbps"},
                                               {"throttleWriteBpsDevice", "write_bps", "wbps"},
                                               {"throttleReadIOPSDevice", "read_iops", "riops"},
                                               {"throttleWriteIOPSDevice", "write_iops", "wiops"}}};
    for (const Bound& bound : kBounds) {
      const json::Array* devices = resources_.at("blockIO").at(bound.of).array();
      for (const json::Value& device : devices == nullptr ? json::Array() : *devices) {
        const std::int64_t rate = device.at("rate").integer_or(0);
        const std::string disk = fmt::format("{}:{}", device.at("major").integer_or(0),
                                             device.at("minor").integer_or(0));
        if (unified_) {
          add("io.max", fmt::format("{} {}={}", disk, bound.v2,
                                    rate > 0 ? std::to_string(rate) : std::string("max")));
        } else {
          // 0 takes it away.
          add(fmt::format("blkio.throttle.{}_device", bound.v1), fmt::format("{} {}", disk, rate));
        }
      }
    }
  }

  /// On v1 BFQ alone weighs, since Linux 5.0; v2 has OCI's range, 10 to 1000, on its own, 1 to
  /// 10000, as runc has it.
  void add_io_weight(std::int64_t weight) {
    add(unified_ ? "io.weight" : "blkio.bfq.weight",
        std::to_string(unified_ ? 1 + (weight - 10) * 9'999 / 990 : weight));
  }

  void add_hugetlb() {
    const json::Array* limits = resources_.at("hugepageLimits").array();
    for (const json::Value& limit : limits == nullptr ? json::Array() : *limits) {
      add(fmt::format("hugetlb.{}.{}", limit.at("pageSize").string_or(""),
                      unified_ ? "max" : "limit_in_bytes"),
          std::to_string(limit.at("limit").integer_or(0)));
    }
  }

  const json::Value& resources_;
  bool unified_;
  bool whole_;
  CgroupValues all_;
};

}  // namespace

bool has_unified_cgroups() {
  std::error_code error;
  return std::filesystem::exists("/sys/fs/cgroup/cgroup.controllers", error);
}

CgroupValues limits_at_start(const json::Value& resources, bool unified) {
  return Limits(resources, unified, false).take();
}

CgroupValues limits_of_running(const json::Value& resources, bool unified) {
  return Limits(resources, unified, true).take();
}

}  // namespace drover::runtimes
