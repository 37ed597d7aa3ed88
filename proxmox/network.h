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

class Network {
 public:
  explicit Network(Client& client) : client_(client) {}

  Result<std::vector<Bridge>> bridges(const Stop& stop);
  /// The bridge, which must be active: `not_found` names those that are there.
  Result<Bridge> require_bridge(const std::string& name, const Stop& stop);

 private:
  Client& client_;
};

}  // namespace drover::proxmox
