#include "tests/pve-sim/sdn_apply.h"

#include <fmt/ranges.h>
#include <net/if.h>

#include <algorithm>
#include <set>

#include "agent/core/split.h"
#include "agent/system/child.h"
#include "agent/system/file.h"
#include "tests/pve-sim/interfaces.h"
#include "tests/pve-sim/sdn_state.h"

namespace drover::pve_sim {
namespace {

path vnets_made_file(const Place& place) {
  return place.directory / "vnets-made";
}

std::set<std::string> vnets_made(const Place& place) {
  const std::vector<std::string> names =
      split(system::read_file(vnets_made_file(place)).value_or(""), "\n");
  return {names.begin(), names.end()};
}

bool is_in_kernel(const std::string& name) {
  return if_nametoindex(name.c_str()) != 0;
}

Result<> ip_link(std::vector<std::string> arguments, const system::Stop& stop) {
  arguments.insert(arguments.begin(), "ip");
  TRY(system::run_ok(arguments, stop));
  return {};
}

bool is_on_node(const json::Object& zone, const std::string& node) {
  const json::Value* nodes = zone.find("nodes");
  if (nodes == nullptr) {
    return true;
  }
  const std::vector<std::string> names = split(nodes->string_or(""), ",");
  return std::find(names.begin(), names.end(), node) != names.end();
}

/// The vnet's end of the pair that joins it to its zone's bridge, as Proxmox calls it.
std::string uplink_of(const std::string& vnet) {
  return "ln_" + vnet;
}

/// None for a zone without a bridge.
Result<> plug_into_zone(const json::Object& zone, const std::string& vnet,
                        const system::Stop& stop) {
  const json::Value* bridge = zone.find("bridge");
  if (bridge == nullptr) {
    return {};
  }
  const std::string end = uplink_of(vnet);
  const std::string peer = "pr_" + vnet;
  if (!is_in_kernel(end)) {
    TRY(ip_link({"link", "add", "name", end, "type", "veth", "peer", "name", peer}, stop));
  }
  TRY(ip_link({"link", "set", "dev", end, "master", vnet, "up"}, stop));
  return ip_link({"link", "set", "dev", peer, "master", std::string(bridge->string_or("")), "up"},
                 stop);
}

Result<> bring_up_vnet(const SdnState& state, const json::Object& zone, const std::string& vnet,
                       const json::Value& row, const system::Stop& stop) {
  if (!is_in_kernel(vnet)) {
    TRY(ip_link({"link", "add", "name", vnet, "type", "bridge"}, stop));
  }
  TRY(ip_link({"link", "set", "dev", vnet, "alias", std::string(row.at("alias").string_or(""))},
              stop));
  TRY(plug_into_zone(zone, vnet, stop));
  const std::string_view type = zone.find("type")->string_or("");
  for (const auto& [id, subnet] : SdnState::of(state.running, "subnets")) {
    const std::string gateway(subnet.at("gateway").string_or(""));
    if (subnet.at("vnet").string_or("") == vnet && !gateway.empty() &&
        (type == "simple" || type == "evpn")) {
      const std::string cidr = cidr_of_subnet(id);
      TRY(ip_link({"address", "replace", gateway + cidr.substr(cidr.find('/')), "dev", vnet},
                  stop));
    }
  }
  return ip_link({"link", "set", "dev", vnet, "up"}, stop);
}

/// By guests and containers.
bool is_used(const std::string& vnet) {
  const std::vector<std::string> ports = ports_of(vnet);
  return std::any_of(ports.begin(), ports.end(),
                     [&](const std::string& port) { return port != uplink_of(vnet); });
}

Result<> take_down_vnet(const std::string& name, const system::Stop& stop) {
  for (const std::string& link : {uplink_of(name), name}) {
    if (is_in_kernel(link)) {
      TRY(ip_link({"link", "delete", "dev", link}, stop));
    }
  }
  return {};
}

Result<> remember_made(const Place& place, const std::set<std::string>& names) {
  return system::write_atomically(vnets_made_file(place),
                                  fmt::format("{}\n", fmt::join(names, "\n")));
}

}  // namespace

Result<> apply_vnets(const Place& place, const TaskLog& log, const system::Stop& stop) {
  const SdnState state = TRY(load_sdn(place));
  const json::Object& zones = SdnState::of(state.running, "zones");
  const json::Object& vnets = SdnState::of(state.running, "vnets");
  std::set<std::string> made = vnets_made(place);
  for (const std::string& name : std::set<std::string>(made)) {
    if (vnets.find(name) == nullptr && !is_used(name)) {
      TRY(take_down_vnet(name, stop));
      made.erase(name);
    }
  }
  for (const auto& [name, row] : vnets) {
    const json::Value* zone = zones.find(row.at("zone").string_or(""));
    if (zone == nullptr || !is_on_node(*zone->object(), place.node)) {
      continue;
    }
    const std::string bridge(zone->at("bridge").string_or(""));
    if (!bridge.empty() && !is_in_kernel(bridge)) {
      log.line(fmt::format("error: vnet {}: bridge '{}' does not exist", name, bridge));
      continue;
    }
    made.insert(name);
    TRY(remember_made(place, made));
    TRY(bring_up_vnet(state, *zone->object(), name, row, stop));
  }
  return remember_made(place, made);
}

Result<> forget_vnets(const Place& place, const system::Stop& stop) {
  for (const std::string& name : vnets_made(place)) {
    TRY(take_down_vnet(name, stop));
  }
  TRY(system::remove_tree(vnets_made_file(place)));
  return system::remove_tree(place.directory / "sdn.json");
}

json::Object local_vnets(const Place& place) {
  json::Object all;
  const Result<SdnState> state = load_sdn(place);
  if (!state) {
    return all;
  }
  for (const auto& [name, row] : SdnState::of(state->running, "vnets")) {
    const json::Value* zone =
        SdnState::of(state->running, "zones").find(row.at("zone").string_or(""));
    if (zone == nullptr || !is_on_node(*zone->object(), place.node)) {
      continue;
    }
    json::Object shown{{"type", "vnet"},
                       {"active", "1"},
                       {"ipam", zone->find("ipam") != nullptr ? 1 : 0},
                       {"vlanaware", row.at("vlanaware").boolean_or(false) ? 1 : 0}};
    if (const json::Value* alias = row.find("alias")) {
      shown.set("comments", *alias);
    }
    all.set(name, std::move(shown));
  }
  return all;
}

Result<> reload_all(const Place& place, const TaskLog& log, const system::Stop& stop) {
  log.line(place.node + ": reloading network config");
  for (const Result<>& applied : {apply_interfaces(place, stop), apply_vnets(place, log, stop)}) {
    if (!applied) {
      log.line("warning: " + applied.error().message);
    }
  }
  return {};
}

}  // namespace drover::pve_sim
