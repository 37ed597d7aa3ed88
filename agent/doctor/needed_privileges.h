// What jobs need to be granted by Proxmox VE.
#pragma once

#include <string>
#include <vector>

#include "agent/core/config.h"
#include "proxmox/access.h"

namespace drover::doctor {

struct Need {
  proxmox::Privilege privilege;
  /// What is refused without it, while all else is done: "network.ensure". "" for what the
  /// configuration itself has the node do.
  std::string by;
  bool operator==(const Need&) const = default;
};

/// For what the configuration names: the storage of volumes, the bridge unless that is of the SDN,
/// whose zone only the admin knows, guests where names are routed to pve-lxc, and looking at the
/// node. And for what jobs can ask for by themselves; storages that only they name need the same
/// as those here. None is in it twice, and what the configuration needs comes first.
std::vector<Need> needed_privileges(const Config& config, const std::string& node,
                                    bool bridge_is_vnet = false);

}  // namespace drover::doctor
