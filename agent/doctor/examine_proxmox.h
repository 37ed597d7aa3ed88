// The API of Proxmox VE: whether it can be asked, and grants what jobs will need.
#pragma once

#include <vector>

#include "agent/core/config.h"
#include "agent/doctor/finding.h"
#include "agent/system/clock.h"
#include "proxmox/access.h"

namespace drover::doctor {

/// Of a configuration whose section "proxmox" is enabled. Blocks, and ends soon after `stop`.
std::vector<Finding> examine_proxmox(const Config& config, system::Clock& clock,
                                     const system::Stop& stop);

/// For what the configuration names: the storage of volumes, the bridge unless that is of the SDN,
/// whose zone only the admin knows, guests where names are routed to pve-lxc, and looking at the
/// node. What jobs name beyond that needs the same.
std::vector<proxmox::Privilege> needed_privileges(const Config& config, const std::string& node,
                                                  bool bridge_is_vnet = false);

}  // namespace drover::doctor
