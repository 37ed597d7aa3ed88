// The API of Proxmox VE: whether it can be asked, and grants what jobs will need.
#pragma once

#include <vector>

#include "agent/core/config.h"
#include "agent/doctor/finding.h"
#include "agent/system/clock.h"

namespace drover::doctor {

/// Of a configuration whose section "proxmox" is enabled. Blocks, and ends soon after `stop`.
std::vector<Finding> examine_proxmox(const Config& config, system::Clock& clock,
                                     const system::Stop& stop);

}  // namespace drover::doctor
