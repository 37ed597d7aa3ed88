// DeviceSpec: a device of the node that a container may use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

struct DeviceSpec {
  static constexpr std::string_view kUsualPermissions = "rwm";

  std::string path;    ///< absolute path on the node
  std::string target;  ///< absolute path inside; as read it is never ""
  /// Some of 'r' (read), 'w' (write) and 'm' (make nodes of it), in this order.
  std::string permissions{kUsualPermissions};
  bool operator==(const DeviceSpec&) const = default;
};

/// The member "devices" of a spec. A target that is not given is the path.
std::vector<DeviceSpec> read_devices(Fields& spec, Faults& faults);
/// One of its elements; what has its default is left out.
json::Value to_json(const DeviceSpec& device);

}  // namespace drover
