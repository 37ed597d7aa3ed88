// What the node makes of the cluster's applied vnets: bridges in the kernel.
#pragma once

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "tests/pve-sim/place.h"
#include "tests/pve-sim/tasks.h"

namespace drover::pve_sim {

/// Of all vnets whose zone is on this node a bridge is made, with the address of each gateway where
/// the zone routes; those that are no more are deleted, unless something is plugged in. A zone
/// whose bridge is not there is only written of in the log, as Proxmox does.
Result<> apply_vnets(const Place& place, const TaskLog& log, const system::Stop& stop);
/// Deletes the bridges that were made so.
Result<> forget_vnets(const Place& place, const system::Stop& stop);
/// The applied vnets as the list of the node's interfaces has them, by name.
json::Object local_vnets(const Place& place);

/// The task "reloadnetworkall".
Result<> reload_all(const Place& place, const TaskLog& log, const system::Stop& stop);

}  // namespace drover::pve_sim
