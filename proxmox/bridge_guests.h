// Which of the cluster's guests are on a bridge.
#pragma once

#include <string>
#include <vector>

#include "proxmox/client.h"

namespace drover::proxmox {

/// "lxc 105 (web) on node pve2" of each, running or not, that our user may see: guests of other
/// nodes, too, for a vnet is the cluster's. A request for each guest there is.
Result<std::vector<std::string>> guests_on_bridge(Client& client, const std::string& bridge,
                                                  const Stop& stop);

}  // namespace drover::proxmox
