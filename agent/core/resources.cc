#include "agent/core/resources.h"

#include <utility>

namespace drover {
namespace {
constexpr std::int64_t kMostMemoryMib = std::int64_t{64} << 20;
constexpr std::int64_t kMostDiskMib = std::int64_t{1} << 30;
}  // namespace

Resources read_resources(Fields& fields, Faults& faults) {
  Resources resources;
  fields.object("resources", [&](const json::Value& value, std::string at) {
    Fields limits(value, std::move(at), faults);
    resources.memory_mib =
        static_cast<std::uint64_t>(limits.integer("memory_mib", 0, 4, kMostMemoryMib));
    resources.cpus = limits.number("cpus", 0, 0.01, 1024);
    resources.pids = static_cast<std::uint64_t>(limits.integer("pids", 0, 1, 4194304));
    resources.disk_mib = static_cast<std::uint64_t>(limits.integer("disk_mib", 0, 1, kMostDiskMib));
    limits.finish();
  });
  return resources;
}

json::Object to_json(const Resources& resources) {
  json::Object object;
  if (resources.memory_mib != 0) {
    object.set("memory_mib", resources.memory_mib);
  }
  if (resources.cpus != 0) {
    object.set("cpus", resources.cpus);
  }
  if (resources.pids != 0) {
    object.set("pids", resources.pids);
  }
  if (resources.disk_mib != 0) {
    object.set("disk_mib", resources.disk_mib);
  }
  return object;
}

}  // namespace drover
