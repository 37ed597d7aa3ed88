#include "proxmox/network.h"

#include <utility>

#include "agent/system/link.h"
#include "proxmox/answer.h"

namespace drover::proxmox {

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
