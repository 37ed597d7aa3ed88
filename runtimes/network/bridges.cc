#include "runtimes/network/bridges.h"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "agent/core/ip_address.h"
#include "agent/core/stable_hash.h"
#include "agent/system/child.h"
#include "agent/system/link.h"

namespace drover::runtimes {
namespace {

std::string alias_of(const std::string& name) {
  return "drover:network:" + name;
}

Result<> ip_tool(std::vector<std::string> arguments, const system::Stop& stop) {
  arguments.insert(arguments.begin(), "ip");
  TRY(system::run_ok(arguments, stop));
  return {};
}

/// Locally administered, unicast.
std::string hardware_address(const std::string& name) {
  const std::uint64_t hash = stable_hash(name);
  const auto byte = [&](unsigned at) { return static_cast<unsigned>(hash >> (8 * at)) & 0xffU; };
  return fmt::format("02:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", byte(0), byte(1), byte(2), byte(3),
                     byte(4));
}

/// What was stopped in the middle of add_bridge.
Result<> remove_unfinished(const std::string& name, const system::Stop& stop) {
  const std::string unfinished = name_while_made(name);
  if (!TRY(system::look_at_link(unfinished))) {
    return {};
  }
  return ip_tool({"link", "delete", "dev", unfinished}, stop);
}

Result<> add_bridge(const OwnBridge& bridge, const system::Stop& stop) {
  const std::string unfinished = name_while_made(bridge.name);
  TRY(remove_unfinished(bridge.name, stop));
  std::vector<std::string> add = {"link",     "add",     "name",
                                  unfinished, "address", hardware_address(bridge.name),
                                  "type",     "bridge"};
  // Named only where it is wanted: there are kernels without it.
  if (bridge.vlan_aware) {
    add.insert(add.end(), {"vlan_filtering", "1"});
  }
  TRY(ip_tool(std::move(add), stop));
  TRY(ip_tool({"link", "set", "dev", unfinished, "alias", alias_of(bridge.name)}, stop));
  return ip_tool({"link", "set", "dev", unfinished, "name", bridge.name}, stop);
}

BridgeKind kind_of(const std::string& name, const std::optional<system::Link>& link) {
  if (!link) {
    return BridgeKind::none;
  }
  if (link->kind != "bridge") {
    return BridgeKind::no_bridge;
  }
  return link->alias == alias_of(name) ? BridgeKind::ours : BridgeKind::other;
}

}  // namespace

std::string name_while_made(const std::string& name) {
  return fmt::format("dn{:012x}", stable_hash(name) >> 16U);
}

Result<BridgeKind> look_at_bridge(const std::string& name) {
  const std::optional<system::Link> link = TRY(system::look_at_link(name));
  return kind_of(name, link);
}

std::string_view to_string(BridgeState state) {
  constexpr std::array<std::string_view, 4> kStates = {"up", "down", "missing", "taken"};
  return kStates.at(static_cast<std::size_t>(state));
}

Result<BridgeState> state_of_bridge(const std::string& name) {
  const std::optional<system::Link> link = TRY(system::look_at_link(name));
  switch (kind_of(name, link)) {
    case BridgeKind::none:
      return BridgeState::missing;
    case BridgeKind::ours:
      return link->up ? BridgeState::up : BridgeState::down;
    case BridgeKind::other:
    case BridgeKind::no_bridge:
      break;
  }
  return BridgeState::taken;
}

Result<BridgeState> state_of_others_bridge(const std::string& name) {
  const std::optional<system::Link> link = TRY(system::look_at_link(name));
  if (!link) {
    return BridgeState::missing;
  }
  if (link->kind != "bridge") {
    return BridgeState::taken;
  }
  return link->up ? BridgeState::up : BridgeState::down;
}

Result<> keep_hardware_address(const std::string& name, const system::Stop& stop) {
  return ip_tool({"link", "set", "dev", name, "address", hardware_address(name)}, stop)
      .context("give bridge " + name + " its address");
}

Result<std::vector<std::string>> ports_of_bridge(const std::string& name,
                                                 const system::Stop& stop) {
  const std::string output =
      TRY(system::run_ok({"ip", "-json", "link", "show", "master", name}, stop));
  const json::Value links = TRY(json::parse(output).context("list ports of bridge " + name));
  std::vector<std::string> ports;
  const json::Array none;
  for (const json::Value& link : links.array() == nullptr ? none : *links.array()) {
    if (const std::string_view port = link.at("ifname").string_or(""); !port.empty()) {
      ports.emplace_back(port);
    }
  }
  return ports;
}

Result<std::vector<OwnBridge>> own_bridges(const system::Stop& stop) {
  const std::string output =
      TRY(system::run_ok({"ip", "-details", "-json", "address", "show", "type", "bridge"}, stop));
  const json::Value links = TRY(json::parse(output).context("list bridges"));
  std::vector<OwnBridge> bridges;
  const json::Array none;
  for (const json::Value& link : links.array() == nullptr ? none : *links.array()) {
    OwnBridge bridge{std::string(link.at("ifname").string_or("")), "", false};
    if (bridge.name.empty() || link.at("ifalias").string_or("") != alias_of(bridge.name)) {
      continue;
    }
    bridge.vlan_aware = link.at("linkinfo").at("info_data").at("vlan_filtering").integer_or(0) == 1;
    const json::Array* addresses = link.at("addr_info").array();
    for (const json::Value& address : addresses == nullptr ? none : *addresses) {
      if (bridge.address.empty() && address.at("scope").string_or("") == "global") {
        bridge.address = fmt::format("{}/{}", address.at("local").string_or(""),
                                     address.at("prefixlen").integer_or(0));
      }
    }
    bridges.push_back(std::move(bridge));
  }
  return bridges;
}

Result<> make_bridge(const OwnBridge& bridge, const system::Stop& stop) {
  const std::string what = "make bridge " + bridge.name;
  switch (TRY(look_at_bridge(bridge.name))) {
    case BridgeKind::none:
      TRY(add_bridge(bridge, stop).context(what));
      break;
    case BridgeKind::ours:
      break;
    case BridgeKind::other:
    case BridgeKind::no_bridge:
      return fail(Code::conflict, "{}: there is an interface of that name that is not Drover's",
                  what);
  }
  if (!bridge.address.empty()) {
    TRY(ip_tool({"address", "replace", bridge.address, "dev", bridge.name}, stop).context(what));
  }
  return ip_tool({"link", "set", "dev", bridge.name, "up"}, stop).context(what);
}

Result<> remove_bridge(const std::string& name, const system::Stop& stop) {
  TRY(remove_unfinished(name, stop).context("remove bridge " + name));
  switch (TRY(look_at_bridge(name))) {
    case BridgeKind::none:
      return {};
    case BridgeKind::ours:
      break;
    case BridgeKind::other:
    case BridgeKind::no_bridge:
      return fail(Code::refused, "remove bridge {}: it is not Drover's", name);
  }
  return ip_tool({"link", "delete", "dev", name}, stop).context("remove bridge " + name);
}

BridgeRange range_of(const OwnBridge& bridge) {
  if (bridge.address.empty()) {
    return {bridge.name, "", "", "", ""};
  }
  // The plugin takes no subnet with bits of a host.
  return {bridge.name, subnet_of(bridge.address), "", "", address_of(bridge.address)};
}

}  // namespace drover::runtimes
