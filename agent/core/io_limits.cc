#include "agent/core/io_limits.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "agent/core/program_fields.h"

namespace drover {
namespace {

constexpr std::size_t kMostIoDevices = 16;
constexpr std::int64_t kMostRate = std::int64_t{1} << 50;

struct Rate {
  std::string_view key;
  std::uint64_t DeviceIoLimit::*member;
};
constexpr std::array<Rate, 4> kRates = {{{"read_bps", &DeviceIoLimit::read_bps},
                                         {"write_bps", &DeviceIoLimit::write_bps},
                                         {"read_iops", &DeviceIoLimit::read_iops},
                                         {"write_iops", &DeviceIoLimit::write_iops}}};

DeviceIoLimit read_device_io(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  DeviceIoLimit limit;
  limit.path = read_place(fields, "path");
  bool bounds = false;
  for (const Rate& rate : kRates) {
    limit.*rate.member = static_cast<std::uint64_t>(fields.integer(rate.key, 0, 1, kMostRate));
    bounds = bounds || fields.has(rate.key);
  }
  if (value.object() != nullptr && !bounds) {
    fields.fault("path", "must have read_bps, write_bps, read_iops or write_iops beside it");
  }
  fields.finish();
  return limit;
}

}  // namespace

IoLimits read_io_limits(Fields& resources, Faults& faults) {
  IoLimits limits;
  resources.object("io", [&](const json::Value& value, std::string at) {
    Fields fields(value, std::move(at), faults);
    limits.weight = static_cast<std::uint64_t>(fields.integer("weight", 0, 10, 1000));
    fields.each("devices", kMostIoDevices, [&](const json::Value& element, std::string where) {
      limits.devices.push_back(read_device_io(element, std::move(where), faults));
    });
    std::set<std::string> paths;
    for (const DeviceIoLimit& device : limits.devices) {
      if (!device.path.empty() && !paths.insert(device.path).second) {
        fields.fault("devices",
                     fmt::format("must have different paths; \"{}\" stands twice", device.path));
      }
    }
    fields.finish();
  });
  return limits;
}

json::Object to_json(const IoLimits& limits) {
  json::Object object;
  if (limits.weight != 0) {
    object.set("weight", limits.weight);
  }
  json::Array devices;
  for (const DeviceIoLimit& device : limits.devices) {
    json::Object made{{"path", device.path}};
    for (const Rate& rate : kRates) {
      if (device.*rate.member != 0) {
        made.set(rate.key, device.*rate.member);
      }
    }
    devices.push_back(std::move(made));
  }
  if (!devices.empty()) {
    object.set("devices", std::move(devices));
  }
  return object;
}

IoLimits with_changes(IoLimits limits, const IoLimits& wish) {
  if (wish.weight != 0) {
    limits.weight = wish.weight;
  }
  for (const DeviceIoLimit& changed : wish.devices) {
    const auto there = std::find_if(
        limits.devices.begin(), limits.devices.end(),
        [&changed](const DeviceIoLimit& device) { return device.path == changed.path; });
    if (there == limits.devices.end()) {
      limits.devices.push_back(changed);
      continue;
    }
    for (const Rate& rate : kRates) {
      if (changed.*rate.member != 0) {
        (*there).*rate.member = changed.*rate.member;
      }
    }
  }
  return limits;
}

}  // namespace drover
