#include "messaging/dispatch/needs_of_spec.h"

#include <algorithm>
#include <cmath>

namespace drover::dispatch {
namespace {

constexpr std::size_t kMostNamesOfSpec = 16;

void add_name(std::vector<std::string>& names, const std::string& name) {
  if (!name.empty() && names.size() < kMostNamesOfSpec &&
      std::find(names.begin(), names.end(), name) == names.end()) {
    names.push_back(name);
  }
}

}  // namespace

JobNeeds needs_of(const ContainerSpec& spec) {
  JobNeeds needs;
  std::uint64_t disk_mib = spec.resources.disk_mib;
  for (const VolumeSpec& volume : spec.volumes) {
    if (!volume.from.empty()) {
      continue;  // it is on some node already, which a label or `to` must name
    }
    disk_mib += volume.size_mib;
    if (!is_local_storage(volume.storage)) {
      add_name(needs.storages, volume.storage);
    }
  }
  if (spec.networks) {
    for (const NetworkSpec& network : *spec.networks) {
      if (network.kind == NetworkKind::bridge) {
        add_name(needs.bridges, network.bridge);
      }
    }
  }
  needs.capacity.milli_cpus = std::llround(spec.resources.cpus * 1000);
  needs.capacity.memory_mib = static_cast<std::int64_t>(spec.resources.memory_mib);
  needs.capacity.disk_mib = static_cast<std::int64_t>(disk_mib);
  needs.runtime = spec.runtime;
  return needs;
}

}  // namespace drover::dispatch
