// LxcLimits: what a container may use, as keys of its control group.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/core/json.h"

namespace drover::runtimes {

/// Keys of a control group and their values, in the order in which they can be set.
using CgroupValues = std::vector<std::pair<std::string, std::string>>;

/// Whether this node has cgroup v2 alone; else v1 has the controllers.
bool has_unified_cgroups();

/// `resources`, the member "linux.resources" of the OCI configuration, for a container that is not
/// there yet: only what is bounded. Devices are not among it.
CgroupValues limits_at_start(const json::Value& resources, bool unified);
/// The same for one that runs, which may have had others: what bounds memory, processes and time of
/// CPUs stands here also when it is none. The other kinds of limits are never taken back
/// (Runtime::update), so they are here only when given.
CgroupValues limits_of_running(const json::Value& resources, bool unified);

}  // namespace drover::runtimes
