// Ipam: addresses of vnets that Proxmox keeps for the whole cluster.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proxmox/sdn.h"

namespace drover::proxmox {

/// An address that somebody has, or wants.
struct IpamAddress {
  std::string zone;
  std::string vnet;
  std::string ip;   ///< as address_of writes it
  std::string mac;  ///< "02:00:00:00:00:01"; tells whose it is
};

/// Of a vnet whose addresses are kept.
struct IpamVnet {
  std::string name;
  std::string zone;
  std::vector<SdnSubnet> subnets;  ///< at least one
};

class Ipam {
 public:
  explicit Ipam(Client& client) : client_(client), sdn_(client) {}

  /// None for a bridge that is no vnet, for one of a zone without an IPAM, and for one without a
  /// subnet.
  Result<std::optional<IpamVnet>> vnet(const std::string& bridge, const Stop& stop);
  /// The MAC address by each IP address that is taken in the zone, "" for the gateway. None where
  /// the API does not tell: it does for the IPAM "pve", in zones with a DHCP server.
  Result<std::optional<std::map<std::string, std::string>>> taken(const std::string& zone,
                                                                  const Stop& stop);
  /// `conflict` when somebody has it, be it the same one. An answer that was lost is `timed_out`.
  Result<> claim(const IpamAddress& address, const Stop& stop);
  /// Gives it back, whoever has it: the API looks at no MAC address. Absent is success.
  Result<> release(const IpamAddress& address, const Stop& stop);

 private:
  Client& client_;
  Sdn sdn_;
};

}  // namespace drover::proxmox
