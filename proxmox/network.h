// Network: what a Proxmox node can plug a container into.
#pragma once

#include <string>
#include <vector>

#include "proxmox/client.h"

namespace drover::proxmox {

struct Bridge {
  std::string name;
  std::string cidr;     ///< the node's own address on it, "" for none
  bool active = false;  ///< in the kernel; one that is only configured is not
  bool vlan_aware = false;
  bool is_vnet = false;   ///< of the cluster's SDN
  bool has_ipam = false;  ///< a vnet of a zone whose addresses somebody keeps (ipam.h)
};

/// What the traffic of containers goes through.
struct NodeLink {
  std::string name;
  std::string type;         ///< as Proxmox says: "bridge", "bond", "vnet", "OVSBridge" or "OVSBond"
  std::string cidr;         ///< the node's own address on it, "" for none
  bool active = false;      ///< in the kernel; one that is only configured is not
  bool vlan_aware = false;  ///< of a bridge
  std::string mode;         ///< of a bond, "802.3ad"
  std::vector<std::string> ports;  ///< that it is configured with; containers' come and go
};

class Network {
 public:
  explicit Network(Client& client) : client_(client) {}

  Result<std::vector<Bridge>> bridges(const Stop& stop);
  /// Bridges, vnets and bonds, as our user may see them, by name.
  Result<std::vector<NodeLink>> links(const Stop& stop);
  /// The bridge, which must be active: `not_found` names those that are there.
  Result<Bridge> require_bridge(const std::string& name, const Stop& stop);

 private:
  Client& client_;
};

}  // namespace drover::proxmox
