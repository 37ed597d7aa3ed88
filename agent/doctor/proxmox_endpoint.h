// Where the API of Proxmox VE is, by the configuration.
#pragma once

#include <string>

#include "agent/core/config.h"
#include "proxmox/client.h"

namespace drover::doctor {

/// Config::node, or the host's name without its domain.
Result<std::string> node_name(const Config& config);

/// Of a configuration whose section "proxmox" is enabled.
Result<proxmox::Endpoint> proxmox_endpoint(const Config& config);

}  // namespace drover::doctor
