// Resources: how much of the node a container may use.
#pragma once

#include <cstdint>

#include "agent/core/fields.h"

namespace drover {

struct Resources {
  std::uint64_t memory_mib = 0;  ///< 0: the node's default
  double cpus = 0;               ///< cores' worth of time, 0: the node's default
  std::uint64_t pids = 0;        ///< 0: the node's default
  std::uint64_t disk_mib = 0;    ///< of the root disk, 0: the node's default
  bool operator==(const Resources&) const = default;
};

/// The member "resources" of a spec or of a job's options.
Resources read_resources(Fields& fields, Faults& faults);
/// The inverse; what is 0 is left out.
json::Object to_json(const Resources& resources);

}  // namespace drover
