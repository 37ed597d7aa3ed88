// Usage: what a container uses of its node, as the kernel counts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/json.h"

namespace drover::runtimes {

/// A count since the group was made, or a state of this moment; none where the kernel, or its
/// version of control groups, does not tell it. So is a limit that is not set.
using Count = std::optional<std::uint64_t>;

struct CpuUsage {
  Count usage_ns;  ///< of all CPUs together
  Count user_ns;
  Count system_ns;
  Count periods;            ///< in which it had a limit
  Count throttled_periods;  ///< of these, in which it came to the limit
  Count throttled_ns;
  std::optional<double> limit_cores;
};

struct MemoryUsage {
  Count usage_bytes;  ///< caches among them
  /// Without caches of files that nothing has used lately, which the kernel drops first.
  Count working_set_bytes;
  Count limit_bytes;
  Count peak_bytes;
  Count oom_kills;  ///< processes that were ended for want of memory
};

struct SwapUsage {
  Count usage_bytes;
  Count limit_bytes;
};

struct PidsUsage {
  Count current;  ///< processes and threads
  Count limit;
};

/// Of block devices, all together.
struct IoUsage {
  Count read_bytes;
  Count write_bytes;
  Count reads;
  Count writes;
};

struct InterfaceUsage {
  std::string interface;  ///< as it is called inside
  std::uint64_t rx_bytes = 0;
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_errors = 0;
  std::uint64_t rx_dropped = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_errors = 0;
  std::uint64_t tx_dropped = 0;
};

struct Usage {
  CpuUsage cpu;
  MemoryUsage memory;
  SwapUsage swap;
  PidsUsage pids;
  IoUsage io;
  /// Without "lo"; none when it has the node's own network, or that cannot be known.
  std::optional<std::vector<InterfaceUsage>> networks;
};

/// Members "cpu", "memory", "swap", "pids", "io" and "networks", each without what is not known.
json::Object to_json(const Usage& usage);

}  // namespace drover::runtimes
