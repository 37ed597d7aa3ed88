// Resources: how much of the node a container may use.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "agent/core/fields.h"
#include "agent/core/io_limits.h"

namespace drover {

struct Resources {
  std::uint64_t memory_mib = 0;  ///< 0: the node's default
  double cpus = 0;               ///< cores' worth of time, 0: the node's default
  std::uint64_t pids = 0;        ///< 0: the node's default
  std::uint64_t disk_mib = 0;    ///< of the root disk, 0: the node's default
  std::uint64_t swap_mib = 0;    ///< beside a limit of memory, 0: none
  std::string cpuset{};          ///< the node's CPUs that it may run on, "0-1,3"; "": all
  std::uint64_t cpu_shares = 0;  ///< against others that want the same CPUs, who usually have 1024
  IoLimits io{};
  std::map<std::string, std::uint64_t> hugetlb_mib{};  ///< by the size of a page, "2MB"
  bool operator==(const Resources&) const = default;
};

/// The member "resources" of a spec or of a job's options.
Resources read_resources(Fields& fields, Faults& faults);
/// The inverse; what is 0 is left out.
json::Object to_json(const Resources& resources);

}  // namespace drover
