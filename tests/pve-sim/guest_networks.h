// The interfaces of a guest's configuration.
#pragma once

#include <string>
#include <string_view>

namespace drover::pve_sim {

/// Whether the key of a configuration names an interface.
bool is_network(std::string_view key);
/// The interface with a hardware address of its own, as Proxmox writes it: its name, then the rest
/// by name.
std::string stored_network(const std::string& value);
/// The same with another address than it has.
std::string with_new_address(const std::string& value);

}  // namespace drover::pve_sim
