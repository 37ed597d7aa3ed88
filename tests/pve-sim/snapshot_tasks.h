// What the task processes do to snapshots of guests.
#pragma once

#include "tests/pve-sim/guest_tasks.h"

namespace drover::pve_sim {

/// Whether every volume of the guest is on a storage that keeps snapshots.
bool has_snapshots(const Place& place, const json::Object& config);

/// vzsnapshot, vzrollback and vzdelsnapshot, as do_task.
Result<> do_snapshot_task(const Place& place, const TaskRequest& request, const TaskLog& log,
                          const system::Stop& stop);

}  // namespace drover::pve_sim
