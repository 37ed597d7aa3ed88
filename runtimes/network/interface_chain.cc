#include "runtimes/network/interface_chain.h"

#include <algorithm>
#include <utility>

#include "agent/core/ip_address.h"
#include "agent/core/stable_hash.h"
#include "runtimes/network/dhcp_daemon.h"

namespace drover::runtimes {
namespace {

/// Longer than an interface's name can be.
constexpr std::string_view kPointToPoint = "point-to-point-links";

constexpr std::uint64_t kBitsOfKbit = 1000;
/// 32 KiB: what the kernel hands on at once with less is held up for nothing.
constexpr std::uint64_t kLeastBurstKbit = 262;
/// The plugin's own bound is 4 GiB.
constexpr std::uint64_t kMostBurstKbit = 32'000'000;

json::Object leased(bool leads_out, const Path& socket) {
  json::Object ipam{{"type", kDhcpPlugin}, {"daemonSocketPath", socket.native()}};
  if (!leads_out) {
    ipam.set("request",
             json::Array{json::Object{{"skipDefault", true}, {"option", "subnet-mask"}}});
  }
  return ipam;
}

json::Object ipam_of(const NetworkSpec& spec, const std::optional<BridgeRange>& range,
                     bool leads_out, const ChainPlaces& places) {
  if (spec.dhcp) {
    return leased(leads_out, places.dhcp_socket);
  }
  const std::string gateway = gateway_of(spec, range);
  json::Object ipam;
  if (!spec.address.empty()) {
    json::Object address{{"address", spec.address}};
    if (!gateway.empty()) {
      address.set("gateway", gateway);
    }
    ipam = {{"type", "static"}, {"addresses", json::Array{json::Value(std::move(address))}}};
  } else if (range) {
    json::Object subnet{{"subnet", range->subnet}};
    for (const auto& [key, value] :
         {std::pair("rangeStart", &range->first), std::pair("rangeEnd", &range->last),
          std::pair("gateway", &gateway)}) {
      if (!value->empty()) {
        subnet.set(key, *value);
      }
    }
    ipam = {{"type", "host-local"},
            {"dataDir", places.addresses.native()},
            {"ranges", json::Array{json::Value(json::Array{std::move(subnet)})}}};
  }
  if (!ipam.empty() && leads_out && !gateway.empty()) {
    const bool six = gateway.find(':') != std::string::npos;
    ipam.set("routes", json::Array{json::Object{{"dst", six ? "::/0" : "0.0.0.0/0"}}});
  }
  return ipam;
}

json::Object link_of(const NetworkSpec& spec, const Joint& joint) {
  switch (spec.kind) {
    case NetworkKind::bridge: {
      json::Object config{{"type", "bridge"}, {"bridge", joint.bridge}};
      if (joint.vlan != 0) {
        config.set("vlan", std::int64_t{joint.vlan});
      }
      if (joint.mtu != 0) {
        config.set("mtu", std::int64_t{joint.mtu});
      }
      return config;
    }
    case NetworkKind::macvlan:
      return {{"type", "macvlan"}, {"master", spec.bridge}, {"mode", "bridge"}};
    case NetworkKind::ptp:
      return {{"type", "ptp"}};
    case NetworkKind::vlan:
      return {{"type", "vlan"}, {"master", spec.bridge}, {"vlanId", std::int64_t{spec.vlan}}};
  }
  return {};
}

/// Locally administered, unicast.
std::string hardware_address(const std::string& node, const std::string& container,
                             const std::string& interface) {
  const std::uint64_t hash = stable_hash(fmt::format("{}/{}/{}", node, container, interface));
  std::string address = "02";
  for (unsigned shift = 0; shift < 40; shift += 8) {
    address += fmt::format(":{:02x}", hash >> shift & 0xffU);
  }
  return address;
}

/// "runtimeConfig" is where the specification's conventions have what is one container's alone.
json::Value portmap_of(const NetworkSpec& spec) {
  json::Array ports;
  for (const PublishedPort& port : spec.ports) {
    json::Object mapping{{"hostPort", std::int64_t{port.host}},
                         {"containerPort", std::int64_t{port.container}},
                         {"protocol", port.protocol}};
    if (!port.address.empty()) {
      mapping.set("hostIP", port.address);
    }
    ports.emplace_back(std::move(mapping));
  }
  // Later ones than 1.5 have another backend as well, whose rules kernel_rules.h does not know.
  return json::Object{{"type", "portmap"},
                      {"snat", true},
                      {"backend", "iptables"},
                      {"runtimeConfig", json::Object{{"portMappings", std::move(ports)}}}};
}

void add_limit(json::Object& limits, std::string_view direction, std::uint64_t rate_kbit_s,
               std::uint64_t burst_kbit) {
  if (rate_kbit_s == 0) {
    return;
  }
  constexpr std::uint64_t kTenthOfASecond = 10;
  const std::uint64_t burst =
      burst_kbit != 0 ? burst_kbit
                      : std::clamp(rate_kbit_s / kTenthOfASecond, kLeastBurstKbit, kMostBurstKbit);
  limits.set(fmt::format("{}Rate", direction), rate_kbit_s * kBitsOfKbit);
  limits.set(fmt::format("{}Burst", direction), burst * kBitsOfKbit);
}

json::Value bandwidth_of(const Bandwidth& bandwidth) {
  json::Object limits;
  add_limit(limits, "ingress", bandwidth.ingress_kbit_s, bandwidth.ingress_burst_kbit);
  add_limit(limits, "egress", bandwidth.egress_kbit_s, bandwidth.egress_burst_kbit);
  return json::Object{{"type", kBandwidthPlugin},
                      {"runtimeConfig", json::Object{{"bandwidth", std::move(limits)}}}};
}

}  // namespace

/// One of another subnet than the address is no gateway for it.
std::string gateway_of(const NetworkSpec& spec, const std::optional<BridgeRange>& range) {
  if (spec.gateway.empty() && range &&
      (spec.address.empty() || overlap(spec.address, range->subnet))) {
    return range->gateway;
  }
  return spec.gateway;
}

std::string network_name(const std::string& bridge) {
  return "drover-" + bridge;
}

std::string network_name(const NetworkSpec& spec) {
  return spec.kind == NetworkKind::ptp ? network_name(std::string(kPointToPoint))
                                       : network_name(spec.bridge);
}

PluginChain chain_of(const ContainerName& name, const JobId& job, const NetworkSpec& spec,
                     const std::optional<BridgeRange>& range, const std::optional<Lease>& lease,
                     bool leads_out, const ChainPlaces& places, const Joint& joint) {
  PluginChain chain{name.str(), job.str(), spec.interface, network_name(spec)};
  chain.place = spec.bridge;
  if (spec.dhcp && !places.node.empty()) {
    chain.network += "." + places.node;
  }
  json::Object link = link_of(spec, joint);
  link.set("ipam", ipam_of(spec, range, leads_out, places));
  const std::string mac = lease       ? lease->mac
                          : spec.dhcp ? hardware_address(places.node, name.str(), spec.interface)
                                      : "";
  if (!mac.empty()) {
    link.set("args", json::Object{{"cni", json::Object{{"mac", mac}}}});
  }
  chain.plugins.emplace_back(std::move(link));
  if (!spec.ports.empty()) {
    chain.plugins.push_back(portmap_of(spec));
  }
  if (spec.bandwidth != Bandwidth{}) {
    chain.plugins.push_back(bandwidth_of(spec.bandwidth));
  }
  if (!spec.forwarding.empty()) {
    chain.plugins.emplace_back(json::Object{
        {"type", "firewall"}, {"backend", "iptables"}, {"ingressPolicy", spec.forwarding}});
  }
  return chain;
}

}  // namespace drover::runtimes
