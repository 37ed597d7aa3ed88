// What becomes of POST /nodes/NODE/lxc/VMID/migrate.
#pragma once

#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/tasks.h"

namespace drover::pve_sim {

/// vzmigrate, as do_task: "target" is a peer's name. A guest that runs is ended, and started again
/// where it then is.
Result<> migrate_guest(const Place& place, const TaskRequest& request, const TaskLog& log,
                       const system::Stop& stop);

}  // namespace drover::pve_sim
