#include "agent/core/device_spec.h"

#include <set>
#include <utility>

#include "agent/core/program_fields.h"

namespace drover {
namespace {

constexpr std::size_t kMostDevices = 32;

/// "rw" of "wr"; "" when it holds anything else, or anything twice.
std::string in_order(std::string_view permissions) {
  std::string ordered;
  for (const char one : DeviceSpec::kUsualPermissions) {
    if (permissions.find(one) != std::string_view::npos) {
      ordered.push_back(one);
    }
  }
  return ordered.size() == permissions.size() ? ordered : "";
}

DeviceSpec read_device(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  DeviceSpec device;
  device.path = read_place(fields, "path");
  device.target = fields.has("target") ? read_place(fields, "target") : device.path;
  fields.any("target");
  device.permissions = in_order(fields.string("permissions", DeviceSpec::kUsualPermissions));
  if (device.permissions.empty()) {
    fields.fault("permissions", "must be of r, w and m, each at most once, as \"rw\"");
  }
  fields.finish();
  return device;
}

}  // namespace

std::vector<DeviceSpec> read_devices(Fields& spec, Faults& faults) {
  std::vector<DeviceSpec> devices;
  spec.each("devices", kMostDevices, [&](const json::Value& element, std::string at) {
    devices.push_back(read_device(element, std::move(at), faults));
  });
  std::set<std::string> targets;
  for (const DeviceSpec& device : devices) {
    if (!device.target.empty() && !targets.insert(device.target).second) {
      spec.fault("devices",
                 fmt::format("must have different targets; \"{}\" stands twice", device.target));
    }
  }
  return devices;
}

json::Value to_json(const DeviceSpec& device) {
  json::Object object{{"path", device.path}};
  if (device.target != device.path) {
    object.set("target", device.target);
  }
  if (device.permissions != DeviceSpec::kUsualPermissions) {
    object.set("permissions", device.permissions);
  }
  return object;
}

}  // namespace drover
