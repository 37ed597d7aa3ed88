#include "proxmox/network.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "agent/core/split.h"
#include "agent/system/link.h"
#include "proxmox/answer.h"

namespace drover::proxmox {

namespace {

constexpr std::array<std::string_view, 5> kLinkTypes = {"OVSBond", "OVSBridge", "bond", "bridge",
                                                        "vnet"};

/// Each kind of link has a key of its own for them; the texts have spaces between.
std::vector<std::string> ports_of(const json::Value& link) {
  for (const char* key : {"bridge_ports", "slaves", "ovs_ports", "ovs_bonds"}) {
    if (link.at(key).string() != nullptr) {
      std::vector<std::string> ports = split(link.at(key).string_or(""), " ");
      std::erase_if(ports, [](const std::string& port) { return port.empty() || port == "none"; });
      return ports;
    }
  }
  return {};
}

}  // namespace

Result<std::vector<NodeLink>> Network::links(const Stop& stop) {
  // Without the filter there are no vnets.
  const json::Array list =
      TRY(list_of(client_.get("/nodes/" + path_segment(client_.node()) + "/network",
                              {{"type", "include_sdn"}}, stop),
                  "list the node's network"));
  std::vector<NodeLink> links;
  for (const json::Value& value : list) {
    const std::string_view type = value.at("type").string_or("");
    if (std::find(kLinkTypes.begin(), kLinkTypes.end(), type) != kLinkTypes.end()) {
      links.push_back({std::string(value.at("iface").string_or("")), std::string(type),
                       std::string(value.at("cidr").string_or("")),
                       value.at("active").boolean_or(false),
                       value.at("bridge_vlan_aware").boolean_or(false),
                       std::string(value.at("bond_mode").string_or("")), ports_of(value)});
    }
  }
  std::sort(links.begin(), links.end(),
            [](const NodeLink& one, const NodeLink& two) { return one.name < two.name; });
  return links;
}

Result<std::vector<Bridge>> Network::bridges(const Stop& stop) {
  // The filter also gives bridges of SDN and Open vSwitch, which "bridge" would leave out.
  const json::Array list =
      TRY(list_of(client_.get("/nodes/" + path_segment(client_.node()) + "/network",
                              {{"type", "any_bridge"}}, stop),
                  "list bridges"));
  std::vector<Bridge> bridges;
  for (const json::Value& value : list) {
    bridges.push_back(
        {std::string(value.at("iface").string_or("")), std::string(value.at("cidr").string_or("")),
         value.at("active").boolean_or(false), value.at("bridge_vlan_aware").boolean_or(false),
         value.at("type").string_or("") == "vnet", value.at("ipam").boolean_or(false)});
  }
  return bridges;
}

Result<Bridge> Network::require_bridge(const std::string& name, const Stop& stop) {
  std::vector<Bridge> all = TRY(bridges(stop));
  std::string active;
  for (Bridge& bridge : all) {
    if (bridge.name == name) {
      // The API says what was there when it last read the configuration.
      if (!bridge.active && !system::has_link(name)) {
        return fail(Code::unavailable,
                    "bridge {} is configured on node {} but not active: apply the network's "
                    "configuration",
                    name, client_.node());
      }
      return std::move(bridge);
    }
    if (bridge.active) {
      active += (active.empty() ? "" : ", ") + bridge.name;
    }
  }
  return fail(Code::not_found, "node {} has no bridge {}; it has {}", client_.node(), name,
              active.empty() ? "none" : active);
}

}  // namespace drover::proxmox
