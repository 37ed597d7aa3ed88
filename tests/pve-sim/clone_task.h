// What becomes of POST /nodes/NODE/lxc/VMID/clone.
#pragma once

#include "agent/core/json.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/tasks.h"

namespace drover::pve_sim {

/// The configuration that a copy begins with: the source's, or a snapshot's ("" for none), without
/// its disks and with new addresses. The error is what the method answers.
Result<json::Object> begin_copy(const json::Object& source, const std::string& snapshot);

/// `details` has "newid", and "snapname" and "storage" or "" for them. The source bears the lock
/// "disk" until the end, the copy "create"; of one that fails or is broken off nothing stays.
Result<> clone_guest(const Place& place, const TaskRequest& request, const TaskLog& log,
                     const system::Stop& stop);
/// Takes away what was begun.
void drop_copy(const Place& place, const TaskRequest& request);

}  // namespace drover::pve_sim
