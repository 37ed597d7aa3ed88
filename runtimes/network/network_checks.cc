// What can be said about an interface before it is made.
#include <algorithm>

#include "agent/core/ip_address.h"
#include "agent/system/child.h"
#include "agent/system/link.h"
#include "agent/system/port.h"
#include "runtimes/network/dhcp_daemon.h"
#include "runtimes/network/network.h"
#include "runtimes/network/node_routes.h"
#include "runtimes/network/tagged_bridge.h"

namespace drover::runtimes {
namespace {

/// What a user can do about a bridge that does not filter VLANs, on such a node.
std::string how_to_filter(const std::string& bridge, const json::Value& link, bool with_proxmox) {
  if (with_proxmox) {
    return fmt::format("tick \"VLAN aware\" of {} in Proxmox (System, Network)", bridge);
  }
  if (link.at("ifalias").string_or("").starts_with("drover:network:")) {
    return fmt::format(
        "make it anew so that it does: drover network rm {0}, then drover network ensure {0} "
        "--vlan-aware",
        bridge);
  }
  return fmt::format(
      "let it (ip link set dev {} type bridge vlan_filtering 1), or use one that Drover has made "
      "(drover network ensure NAME --vlan-aware)",
      bridge);
}

/// Asks by netlink and not by /sys, which shows the interfaces of whoever mounted it.
Result<> check_bridge(const NetworkSpec& spec, bool with_proxmox, const system::Stop& stop) {
  const std::string what = fmt::format("plug {} into bridge {}", spec.interface, spec.bridge);
  const system::Output output =
      TRY(system::run({"ip", "-details", "-json", "address", "show", "dev", spec.bridge}, stop));
  const Result<json::Value> links = json::parse(output.out);
  const json::Value* link = nullptr;
  if (output.ending.code == 0 && links && links->array() != nullptr && !links->array()->empty()) {
    link = &links->array()->front();
  }
  if (link == nullptr || link->at("linkinfo").at("info_kind").string_or("") != "bridge") {
    return fail(
        Code::not_found, "{}: this node has no such bridge{}", what,
        with_proxmox ? "" : fmt::format("; drover network ensure {} makes one", spec.bridge));
  }
  const json::Value& data = link->at("linkinfo").at("info_data");
  const bool filters =
      data.at("vlan_filtering").boolean_or(false) || data.at("vlan_filtering").integer_or(0) != 0;
  if (spec.vlan != 0 && !filters) {
    const Result<> can_be_beside = check_tagged_bridge(spec.bridge, spec.vlan, stop);
    if (!can_be_beside) {
      return fail(can_be_beside.error().code, "{} with VLAN {}: {}; {}", what, spec.vlan,
                  can_be_beside.error().message, how_to_filter(spec.bridge, *link, with_proxmox));
    }
  }
  const json::Array* addresses = link->at("addr_info").array();
  for (const json::Value& own : addresses != nullptr ? *addresses : json::Array()) {
    if (!spec.address.empty() &&
        address_of(std::string(own.at("local").string_or(""))) == address_of(spec.address)) {
      return fail(Code::conflict, "{}: address {} is the bridge's own: choose another", what,
                  address_of(spec.address));
    }
  }
  return {};
}

Result<> check_parent(const NetworkSpec& spec) {
  const std::optional<system::Link> link = TRY(system::look_at_link(spec.bridge));
  return link
             ? Result<>()
             : fail(Code::not_found, "put {} ({}) on interface {}: this node has none of that name",
                    spec.interface, to_string(spec.kind), spec.bridge);
}

/// The node's end of another routed link, which may have the same gateway.
Result<bool> is_routed_end(const std::string& name) {
  const std::optional<system::Link> link = TRY(system::look_at_link(name));
  return link && link->kind == "veth" && link->alias.starts_with("drover:");
}

/// Of a routed link the node has a route to the one address and takes the other for its own: what
/// it sends to a host that it knows a way to would go to the container, and a router's be its own.
Result<> check_routed(const NetworkSpec& spec, const system::Stop& stop) {
  for (const std::string& address : {address_of(spec.address), address_of(spec.gateway)}) {
    const system::Output output =
        TRY(system::run({"ip", "-json", "route", "get", "fibmatch", address}, stop));
    const Result<json::Value> routes = json::parse(output.out);
    if (output.ending.code != 0 || !routes || routes->array() == nullptr ||
        routes->array()->empty()) {
      continue;  // it knows no way there
    }
    const json::Value& route = routes->array()->front();
    const std::string_view to = route.at("dst").string_or("");
    const std::string device(route.at("dev").string_or(""));
    const bool is_own = route.at("type").string_or("") == "local";
    if (to == "default" ||
        (is_own && address == address_of(spec.gateway) && TRY(is_routed_end(device)))) {
      continue;
    }
    return fail(Code::conflict,
                "interface {} of kind ptp: {} is in {} of this node's own networks ({}); choose "
                "another, or plug it into a bridge there",
                spec.interface, address, to, device);
  }
  return {};
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address_of(address) == "::1";
}

/// Traffic from elsewhere would be dropped without a word.
Result<> check_forwarding(const NetworkSpec& spec) {
  const bool six = spec.address.find(':') != std::string::npos;
  const bool from_elsewhere =
      std::any_of(spec.ports.begin(), spec.ports.end(),
                  [](const PublishedPort& port) { return !is_loopback(port.address); });
  const char* const name = six ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward";
  const Path file =
      six ? "/proc/sys/net/ipv6/conf/all/forwarding" : "/proc/sys/net/ipv4/ip_forward";
  const Result<std::string> value = system::read_file(file, 16);
  if (from_elsewhere && value && value->starts_with('0')) {
    return fail(Code::refused,
                "publish port {}: this node forwards nothing; let it (sysctl -w {}=1, and the same "
                "in /etc/sysctl.d), or publish at 127.0.0.1 only",
                describe(spec.ports.front()), name);
  }
  return {};
}

/// Of one that is published already it tells nothing.
Result<> check_ports(const NetworkSpec& spec) {
  for (const PublishedPort& port : spec.ports) {
    const bool taken = TRY(system::is_port_taken(port.address, port.host, port.protocol == "udp"));
    if (taken) {
      return fail(Code::conflict,
                  "publish port {}: a program of this node listens there; choose another, or an "
                  "address that it does not listen at",
                  describe(port));
    }
  }
  return {};
}

}  // namespace

Result<> Networks::check_address(const NetworkSpec& spec) const {
  if (spec.address.empty()) {
    return {};
  }
  const std::string what =
      fmt::format("interface {} with address {}", spec.interface, spec.address);
  if (!is_assignable(spec.address)) {
    return fail(Code::invalid,
                "{}: no host can have it; give neither the subnet's own nor its broadcast address",
                what);
  }
  const std::optional<BridgeRange> range = range_of(spec);
  const bool bounded = range && spec.vlan == 0;
  if (bounded && subnet_of(spec.address) != subnet_of(range->subnet)) {
    return fail(Code::invalid,
                "{}: bridge {} has the subnet {}; give an address of that, with its "
                "prefix length",
                what, spec.bridge, subnet_of(range->subnet));
  }
  for (const std::string& gateway : {spec.gateway, bounded ? range->gateway : std::string()}) {
    if (address_of(gateway) == address_of(spec.address)) {
      return fail(Code::invalid, "{}: it is the gateway's; choose another", what);
    }
  }
  return {};
}

Result<> Networks::check(const NetworkSpec& spec, const system::Stop& stop) const {
  TRY(check_address(spec));
  if (spec.dhcp) {
    TRY(dhcp_daemon(layout_.dhcp_socket()).context(fmt::format("interface {}", spec.interface)));
  }
  TRY(check_forwarding(spec));
  TRY(check_ports(spec));
  if (!spec.address.empty() && spec.kind != NetworkKind::ptp) {
    TRY(check_no_router(spec.address, stop).context(fmt::format("interface {}", spec.interface)));
  }
  switch (spec.kind) {
    case NetworkKind::bridge:
      return check_bridge(spec, options_.with_proxmox, stop);
    case NetworkKind::macvlan:
    case NetworkKind::vlan:
      return check_parent(spec);
    case NetworkKind::ptp:
      return check_routed(spec, stop);
  }
  return {};
}

Result<> Networks::check_addressed(const NetworkSpec& spec) const {
  if (!spec.address.empty() || spec.dhcp || range_of(spec)) {
    return {};
  }
  const std::string nobody =
      fmt::format("{} {} gives out no addresses; give one (address)",
                  spec.kind == NetworkKind::bridge ? "bridge" : "interface", spec.bridge);
  if (!spec.gateway.empty()) {
    return fail(Code::invalid, "interface {} with gateway {}: {}", spec.interface, spec.gateway,
                nobody);
  }
  if (!spec.ports.empty()) {
    return fail(Code::invalid, "interface {} with port {}: {}", spec.interface,
                describe(spec.ports.front()), nobody);
  }
  if (!spec.forwarding.empty()) {
    return fail(Code::invalid, "interface {} with forwarding {}: {}", spec.interface,
                spec.forwarding, nobody);
  }
  if (spec.kind == NetworkKind::vlan) {
    return fail(Code::invalid, "interface {} of kind vlan: {}", spec.interface, nobody);
  }
  return {};
}

}  // namespace drover::runtimes
