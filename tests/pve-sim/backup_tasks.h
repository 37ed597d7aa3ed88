// What the task processes do to make backups of guests, and guests of backups.
#pragma once

#include <string>

#include "tests/pve-sim/guest_tasks.h"

namespace drover::pve_sim {

/// "100" of "vzdump-lxc-100-2026_11_23-22_59_35.tar.zst"; "" of what is no backup's name.
std::string guest_of_backup(const path& file);

/// vzdump: a tar archive with the configuration inside, and its notes beside it.
Result<> back_up_guest(const Place& place, const TaskRequest& request, const TaskLog& log,
                       const system::Stop& stop);
/// vzrestore.
Result<> restore_guest(const Place& place, const TaskRequest& request, const TaskLog& log,
                       const system::Stop& stop);

}  // namespace drover::pve_sim
