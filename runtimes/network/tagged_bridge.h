// Tagged bridges: a VLAN of a bridge that does not filter them, as Proxmox VE has it (pve-common,
// PVE::Network::activate_bridge_vlan): beside the bridge vmbr0 there is vmbr0v42, which has for
// each uplink of the other, say eno1, the VLAN eno1.42. So containers are in one network with
// guests of Proxmox that have the tag. They stay when the last one has gone, as Proxmox's do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/container_spec.h"
#include "agent/core/json.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

/// What an end of a container's veth is plugged into.
struct Joint {
  std::string bridge;
  std::uint32_t vlan = 0;  ///< that the bridge gives the end; 0 for none
  std::uint32_t mtu = 0;   ///< of both ends, the bridge's; 0 for the kernel's usual one
};

/// One call of ip(8).
using IpWords = std::vector<std::string>;

/// "vmbr0v42"
std::string tagged_bridge_name(const std::string& bridge, std::uint32_t tag);

/// What is still to be done for it where `links` (`ip -details -json address show`) is what there
/// is. `refused` for a bridge without an uplink (hardware, bond or VLAN), whose frames would carry
/// the tag nowhere, and for names that are longer than an interface's; `conflict` where something
/// else has one of the names, or the VLAN is in another bridge, or the node's own: one that has an
/// address.
Result<std::vector<IpWords>> steps_to_tagged_bridge(const json::Value& links,
                                                    const std::string& bridge, std::uint32_t tag);

/// Whether it could be made, and what it would be said to be otherwise. Without side effects.
Result<> check_tagged_bridge(const std::string& bridge, std::uint32_t tag,
                             const system::Stop& stop);

/// What an interface of kind bridge is plugged into: its bridge, or where that does not filter
/// VLANs the one beside it, which is made then.
Result<Joint> join(const NetworkSpec& spec, const system::Stop& stop);

}  // namespace drover::runtimes
