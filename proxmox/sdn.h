// Sdn: the cluster's software-defined networks (zones, vnets and their subnets) as they are set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxmox/client.h"

namespace drover::proxmox {

/// What was set of one zone, vnet or subnet.
struct SdnSection {
  std::string id;
  /// As all nodes have it since the configuration was applied; none for one that is new.
  std::optional<json::Object> applied{};
  /// As it will be once it is applied; none for one that was deleted.
  std::optional<json::Object> written{};
  bool pending = false;  ///< these differ
};

struct SdnZone {
  std::string name;
  std::string type;                ///< "simple", "vlan", "qinq", "vxlan", "evpn"
  std::string ipam;                ///< who keeps its addresses; "" for nobody
  bool dhcp = false;               ///< it has a DHCP server
  std::vector<std::string> nodes;  ///< where it is; empty for all
  bool is_on(const std::string& node) const;
  /// Whether the same vnet of several nodes is one network; otherwise each node has its own.
  bool spans_nodes() const { return type != "simple"; }
  /// Whether every node has a subnet's gateway for its own address; otherwise a router has it.
  bool routes() const { return type == "simple" || type == "evpn"; }
};

struct SdnSubnet {
  std::string id;       ///< "lab-10.84.0.0-24"
  std::string cidr;     ///< "10.84.0.0/24"
  std::string gateway;  ///< "" for none
  bool snat = false;
  bool operator==(const SdnSubnet&) const = default;
};

struct SdnVnet {
  std::string name;
  std::string zone;
  std::int64_t tag = 0;  ///< VLAN or VNI, 0 for none
  bool vlan_aware = false;
  std::string alias;
  bool operator==(const SdnVnet&) const = default;
};

/// Of a list that was asked for with "pending": its elements, each called as its member `key` says.
std::vector<SdnSection> sections_from(const json::Array& list, std::string_view key);
SdnZone zone_from(const std::string& name, const json::Object& section);
SdnVnet vnet_from(const std::string& name, const json::Object& section);
/// `id` is "ZONE-ADDRESS-LENGTH"; one that is not gives a subnet without a CIDR.
SdnSubnet subnet_from(const std::string& id, const json::Object& section);

/// Lists have what our user may see: all of it with SDN.Audit on /sdn.
class Sdn {
 public:
  explicit Sdn(Client& client) : client_(client) {}

  Result<std::vector<SdnSection>> zones(const Stop& stop);
  Result<std::vector<SdnSection>> vnets(const Stop& stop);
  /// Of a vnet that is written; `not_found` when it is not.
  Result<std::vector<SdnSection>> subnets(const std::string& vnet, const Stop& stop);
  /// What of the rest waits to be applied, as "controller bgp1": nobody here changes that.
  Result<std::vector<std::string>> other_changes(const Stop& stop);

  /// As they are on the nodes.
  Result<std::vector<SdnZone>> applied_zones(const Stop& stop);
  /// None for one that is not applied.
  Result<std::optional<SdnVnet>> applied_vnet(const std::string& name, const Stop& stop);
  Result<std::vector<SdnSubnet>> applied_subnets(const std::string& vnet, const Stop& stop);

 private:
  Result<json::Array> list(const std::string& path, const Form& query, const Stop& stop);

  Client& client_;
};

}  // namespace drover::proxmox
