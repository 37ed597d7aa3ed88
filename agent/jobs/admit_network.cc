#include "agent/jobs/admit_network.h"

#include <algorithm>

#include "agent/core/ip_address.h"
#include "agent/jobs/against_policy.h"

namespace drover::jobs {
namespace {

template <class Rule>
std::string ranges_listed(const std::vector<Rule>& rules) {
  std::vector<std::string> texts;
  texts.reserve(rules.size());
  for (const Rule& rule : rules) {
    texts.push_back(describe(rule));
  }
  return listed(texts);
}

bool lies_in_any(const std::string& what, const std::vector<std::string>& subnets) {
  return std::any_of(subnets.begin(), subnets.end(),
                     [&](const std::string& subnet) { return lies_in(what, subnet); });
}

Result<> admit_bridge(const Config& config, std::string_view member, const std::string& bridge) {
  const std::vector<std::string>& allowed = config.policy.network.bridges;
  // What is put on it by default its admin has allowed already.
  return bridge == config.network.default_bridge || fits_any(allowed, bridge)
             ? Result<>()
             : against(member, bridge,
                       fmt::format("is none of the bridges that this node lets jobs use ({})",
                                   listed(allowed)),
                       "network.bridges");
}

Result<> admit_parent(const NetworkPolicy& policy, const std::string& parent) {
  return fits_any(policy.parents, parent)
             ? Result<>()
             : against("networks.parent", parent,
                       fmt::format("is none of the interfaces that this node lets jobs have a "
                                   "share of ({})",
                                   listed(policy.parents)),
                       "network.parents");
}

/// The node gets a route to the one, and the other for its own.
Result<> admit_routed(const NetworkPolicy& policy, const NetworkSpec& network) {
  for (const auto& [member, value] : {std::pair("networks.address", &network.address),
                                      std::pair("networks.gateway", &network.gateway)}) {
    if (!lies_in_any(address_of(*value), policy.routed)) {
      return against(member, *value,
                     fmt::format("lies in none of the subnets that this node lets jobs have routed "
                                 "links (ptp) in ({})",
                                 listed(policy.routed)),
                     "network.routed");
    }
  }
  return {};
}

Result<> admit_tag(const NetworkPolicy& policy, std::uint32_t tag) {
  const bool allowed = tag == 0 || std::any_of(policy.vlans.begin(), policy.vlans.end(),
                                               [tag](const auto& tags) { return tags.has(tag); });
  return allowed ? Result<>()
                 : against("networks.vlan", std::to_string(tag),
                           fmt::format("is none of the tags that this node lets jobs have ({})",
                                       ranges_listed(policy.vlans)),
                           "network.vlans");
}

/// What a port is published at: "" and the unspecified address are all of the IP version.
std::string published_at(const NetworkSpec& network, const PublishedPort& port) {
  const std::string at = port.address.empty() ? "" : address_of(port.address);
  const bool six = network.address.find(':') != std::string::npos || at == "::";
  return at.empty() || at == "0.0.0.0" || at == "::" ? (six ? "::/0" : "0.0.0.0/0") : at;
}

Result<> admit_port(const NetworkPolicy& policy, const NetworkSpec& network,
                    const PublishedPort& port) {
  const bool allowed =
      std::any_of(policy.ports.begin(), policy.ports.end(), [&](const AllowedPorts& ports) {
        return ports.numbers.has(port.host) &&
               (ports.protocol.empty() || ports.protocol == port.protocol);
      });
  if (!allowed) {
    return against("networks.ports", describe(port),
                   fmt::format("is none of the node's ports that jobs may publish ({})",
                               ranges_listed(policy.ports)),
                   "network.ports");
  }
  return lies_in_any(published_at(network, port), policy.port_addresses)
             ? Result<>()
             : against("networks.ports", describe(port),
                       fmt::format("is not published at one of the node's addresses that jobs may "
                                   "publish at ({}): name one",
                                   listed(policy.port_addresses)),
                       "network.port_addresses");
}

Result<> admit_interface(const Config& config, const NetworkSpec& network) {
  const NetworkPolicy& policy = config.policy.network;
  switch (network.kind) {
    case NetworkKind::bridge:
      TRY(admit_bridge(config, "networks.bridge", network.bridge));
      break;
    case NetworkKind::macvlan:
    case NetworkKind::vlan:
      TRY(admit_parent(policy, network.bridge));
      break;
    case NetworkKind::ptp:
      TRY(admit_routed(policy, network));
      break;
  }
  TRY(admit_tag(policy, network.vlan));
  for (const PublishedPort& port : network.ports) {
    TRY(admit_port(policy, network, port));
  }
  return network.forwarding.empty() || policy.forwarding
             ? Result<>()
             : against("networks.forwarding", network.forwarding, "is not allowed by this node",
                       "network.forwarding");
}

}  // namespace

Result<> admit_interfaces(const Config& config, const std::vector<NetworkSpec>& networks) {
  for (const NetworkSpec& network : networks) {
    TRY(admit_interface(config, network));
  }
  return {};
}

Result<> admit_made_network(const Config& config, const std::string& name,
                            const std::string& address) {
  TRY(admit_bridge(config, "network", name));
  const std::vector<std::string>& allowed = config.policy.network.subnets;
  return address.empty() || lies_in_any(subnet_of(address), allowed)
             ? Result<>()
             : against("address", address,
                       fmt::format("lies in none of the subnets that this node lets jobs make "
                                   "networks of ({})",
                                   listed(allowed)),
                       "network.subnets");
}

}  // namespace drover::jobs
