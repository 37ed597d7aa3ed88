// What a guest of Proxmox is given of the parts of a spec that are about traffic and names.
#pragma once

#include <string>

#include "agent/core/container_spec.h"
#include "proxmox/client.h"

namespace drover::runtimes {

/// `refused`, naming the member below `at`, for what Proxmox does for no interface.
Result<> refuse_network_members(const NetworkSpec& network, const std::string& at);

/// Adds what Proxmox writes into a guest's resolv.conf; `refused` for what it writes nowhere.
Result<> add_names(const ContainerSpec& spec, proxmox::Form& form);

}  // namespace drover::runtimes
