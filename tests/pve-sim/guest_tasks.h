// What the task processes do to guests and volumes.
#pragma once

#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/tasks.h"

namespace drover::pve_sim {

/// Does the task; the error's message becomes its exit status.
Result<> do_task(const Place& place, const TaskRequest& request, const TaskLog& log,
                 const system::Stop& stop);

/// Its root with all its volumes, below Place::lxc_path.
Result<> mount_guest(const Place& place, const std::string& vmid, json::Object config,
                     const system::Stop& stop);
Result<> unmount_guest(const Place& place, const std::string& vmid, const json::Object& config);
path rootfs_of(const Place& place, const std::string& vmid);
Result<> start_guest(const Place& place, const std::string& vmid, const system::Stop& stop);

/// Asks its first process to end; one that has not after `grace` seconds, or with none given, is
/// ended at once, if `then_force`. Its mounts are taken away.
Result<> stop_guest(const Place& place, const std::string& vmid, std::optional<std::int64_t> grace,
                    bool then_force, const system::Stop& stop);

/// Ends the guest's processes at once if it runs, and takes its mounts away.
Result<> end_guest(const Place& place, const std::string& vmid);

/// Ends the guest's processes if it runs, takes its mounts away and removes its volumes, lxc folder
/// and configuration.
Result<> destroy_guest(const Place& place, const std::string& vmid);

}  // namespace drover::pve_sim
