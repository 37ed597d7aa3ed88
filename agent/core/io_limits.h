// IoLimits: a container's part of the node's disks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

/// Of one disk; 0 for no bound.
struct DeviceIoLimit {
  std::string path;  ///< absolute path of the block device on the node
  std::uint64_t read_bps = 0;
  std::uint64_t write_bps = 0;
  std::uint64_t read_iops = 0;
  std::uint64_t write_iops = 0;
  bool operator==(const DeviceIoLimit&) const = default;
};

struct IoLimits {
  std::uint64_t weight =
      0;  ///< 10 to 1000 against others' that want the same disk; 0 for the usual
  std::vector<DeviceIoLimit> devices;
  bool operator==(const IoLimits&) const = default;
};

/// The member "io" of "resources".
IoLimits read_io_limits(Fields& resources, Faults& faults);
/// The inverse; what is 0 is left out.
json::Object to_json(const IoLimits& limits);
/// `limits` with what `wish` names in place of the same.
IoLimits with_changes(IoLimits limits, const IoLimits& wish);

}  // namespace drover
