// Limits of a guest, as LXC is told them at its start.
#pragma once

#include <string>

#include "agent/core/json.h"

namespace drover::pve_sim {

/// The lines of LXC's configuration that come of `memory`, `swap` and `cpulimit`, for the version
/// of control groups that this machine has (pve-container, PVE/LXC.pm). Unlike Proxmox the
/// simulator changes none of a guest that runs.
std::string lxc_limits_of(const json::Object& config);

}  // namespace drover::pve_sim
