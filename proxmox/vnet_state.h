// VnetState: what is set of one vnet in the cluster's SDN, and what else waits to be applied there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxmox/sdn.h"

namespace drover::proxmox {

/// A vnet and its one subnet.
struct VnetRequest {
  std::string name;
  std::string zone;
  std::int64_t tag = 0;   ///< VLAN or VNI; 0 for none, which only simple zones take
  std::string address{};  ///< the gateway's, CIDR: it tells the subnet, too; "" for no subnet
  bool snat = false;      ///< the nodes translate what leaves the subnet
  bool vlan_aware = false;
  bool operator==(const VnetRequest&) const = default;
};

struct VnetState {
  std::vector<SdnZone> zones;      ///< applied
  std::optional<SdnVnet> applied;  ///< these four of the vnet that was asked for
  std::optional<SdnVnet> written;
  std::vector<SdnSubnet> applied_subnets;
  std::vector<SdnSubnet> subnets;    ///< written
  std::vector<std::string> others;   ///< CIDRs of other vnets' subnets, which nodes have, too
  bool pending = false;              ///< something of that vnet waits to be applied
  std::vector<std::string> foreign;  ///< what else does: "vnet web", "zone lab"

  const SdnZone* zone(const std::string& name) const;
  /// Whether its alias says so.
  bool is_ours() const;
  /// As it is written, or, once it was deleted, was applied.
  std::optional<VnetRequest> request() const;
  /// Whether the vnet that is written, but for what a stopped call has not come to, is this one.
  bool is(const VnetRequest& vnet) const;
  /// What is written, for messages.
  std::string str() const;
};

enum class Others { read, left_out };
/// Asks for every vnet's subnets, too: a change of any is applied with all others. With those left
/// out, nothing is known of what else waits or is there.
Result<VnetState> read_vnet_state(Sdn& sdn, const std::string& name, const Stop& stop,
                                  Others others = Others::read);

/// What tells whose a vnet is.
std::string vnet_alias(const std::string& name);
/// What `vnet` asks for; none for one without a subnet.
std::optional<SdnSubnet> subnet_for(const VnetRequest& vnet);

}  // namespace drover::proxmox
