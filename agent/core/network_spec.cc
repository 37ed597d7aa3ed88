#include "agent/core/network_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/ip_address.h"
#include "agent/core/json_members.h"

namespace drover {
namespace {

constexpr std::size_t kMostNetworks = 8;
constexpr std::size_t kMostPorts = 64;
/// 1 Tbit/s: beyond it tc(8) has no numbers.
constexpr std::int64_t kMostKbit = 1'000'000'000;
/// The plugin bandwidth takes no burst of 4 GiB.
constexpr std::int64_t kMostBurstKbit = 32'000'000;

constexpr std::array kNetworkKinds = {NetworkKind::bridge, NetworkKind::macvlan, NetworkKind::ptp,
                                      NetworkKind::vlan};

NetworkKind kind_from(std::string_view name) {
  const auto* const found = std::find_if(kNetworkKinds.begin(), kNetworkKinds.end(),
                                         [&](NetworkKind kind) { return to_string(kind) == name; });
  return found == kNetworkKinds.end() ? NetworkKind::bridge : *found;
}

bool is_interface_name(std::string_view name) {
  return !name.empty() && name.size() <= 15 && name != "lo" && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_' || c == '-' || c == '.'; });
}

bool is_six(const std::string& address) {
  return address.find(':') != std::string::npos;
}

PublishedPort read_port(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  PublishedPort port;
  fields.require("host");
  port.host = static_cast<std::uint16_t>(fields.integer("host", 0, 1, 65535));
  fields.require("container");
  port.container = static_cast<std::uint16_t>(fields.integer("container", 0, 1, 65535));
  port.protocol = fields.one_of("protocol", "tcp", {"tcp", "udp"});
  port.address = fields.string("address");
  if (!port.address.empty() && !is_address(port.address)) {
    fields.fault("address", "must be an IP address of the node");
  }
  fields.finish();
  return port;
}

void read_ports(Fields& fields, NetworkSpec& network, Faults& faults) {
  fields.each("ports", kMostPorts, [&](const json::Value& element, std::string at) {
    network.ports.push_back(read_port(element, std::move(at), faults));
  });
  for (const PublishedPort& port : network.ports) {
    if ((network.dhcp || !network.address.empty()) && !port.address.empty() &&
        is_six(port.address) != is_six(network.address)) {
      fields.fault("ports",
                   fmt::format("must be of the address's IP version; {} is not", describe(port)));
    }
  }
}

Bandwidth read_bandwidth(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  const auto number = [&](std::string_view key, std::int64_t most) {
    return static_cast<std::uint64_t>(fields.integer(key, 0, 1, most));
  };
  const Bandwidth bandwidth{
      number("ingress_kbit_s", kMostKbit), number("ingress_burst_kbit", kMostBurstKbit),
      number("egress_kbit_s", kMostKbit), number("egress_burst_kbit", kMostBurstKbit)};
  if (bandwidth.ingress_burst_kbit != 0 && bandwidth.ingress_kbit_s == 0) {
    fields.fault("ingress_burst_kbit", "goes only with ingress_kbit_s");
  }
  if (bandwidth.egress_burst_kbit != 0 && bandwidth.egress_kbit_s == 0) {
    fields.fault("egress_burst_kbit", "goes only with egress_kbit_s");
  }
  fields.finish();
  return bandwidth;
}

/// Kinds differ in what they are put on, and in what can be done for them: what has no end on the
/// node cannot be told apart there.
void read_place(Fields& fields, NetworkSpec& network) {
  network.kind = kind_from(fields.one_of("kind", "bridge", {"bridge", "macvlan", "ptp", "vlan"}));
  const bool has_parent = network.kind == NetworkKind::macvlan || network.kind == NetworkKind::vlan;
  if (has_parent) {
    fields.require("parent");
    network.bridge = fields.string("parent");
    if (fields.has("parent") && !is_interface_name(network.bridge)) {
      fields.fault("parent", "must be the name of an interface of the node");
    }
  } else if (network.kind == NetworkKind::bridge) {
    network.bridge = fields.string("bridge");
  }
  const std::string kind(to_string(network.kind));
  for (const auto& [key, of] : {std::pair("parent", has_parent),
                                std::pair("bridge", network.kind == NetworkKind::bridge)}) {
    if (!of && fields.has(key)) {
      fields.any(key);
      fields.fault(key, fmt::format("is nothing that kind {} has", kind));
    }
  }
}

void read_address(Fields& fields, NetworkSpec& network) {
  network.address = fields.string("address");
  network.dhcp = network.address == kAddressByDhcp;
  if (network.dhcp) {
    network.address.clear();
  } else if (!network.address.empty() && !is_cidr(network.address)) {
    fields.fault("address",
                 "must be an address with its prefix length, as 192.0.2.10/24, or \"dhcp\"");
  }
  network.gateway = fields.string("gateway");
  if (!network.gateway.empty() && !is_address(network.gateway)) {
    fields.fault("gateway", "must be an IP address");
  }
  if (network.dhcp && network.kind == NetworkKind::ptp) {
    fields.fault("address", "must be one of the job's choice: no DHCP server is behind kind ptp");
  } else if (network.dhcp && !network.gateway.empty()) {
    fields.fault("gateway", "comes from the DHCP server that gives the address");
  }
}

void check_kind(Fields& fields, const NetworkSpec& network) {
  const std::string kind(to_string(network.kind));
  const bool has_own_end = network.kind == NetworkKind::bridge || network.kind == NetworkKind::ptp;
  for (const std::string_view key : {"ports", "bandwidth", "forwarding"}) {
    if (!has_own_end && fields.has(key)) {
      fields.fault(key, fmt::format("is nothing that kind {} has: its traffic does not pass "
                                    "through the node",
                                    kind));
    }
  }
  if (network.kind == NetworkKind::ptp) {
    if (network.forwarding == "same-bridge") {
      fields.fault("forwarding", "must be open: it is on no bridge");
    }
    fields.require("address");
    fields.require("gateway");
  }
  if (network.kind == NetworkKind::vlan) {
    fields.require("vlan");
  } else if (network.kind != NetworkKind::bridge && fields.has("vlan")) {
    fields.fault("vlan", fmt::format("is nothing that kind {} has", kind));
  }
}

void set_unless_zero(json::Object& object, std::string_view key, std::uint64_t number) {
  if (number != 0) {
    object.set(key, number);
  }
}

json::Value to_json(const PublishedPort& port) {
  json::Object object{{"host", std::uint64_t{port.host}},
                      {"container", std::uint64_t{port.container}}};
  if (port.protocol != "tcp") {
    object.set("protocol", port.protocol);
  }
  set_unless_empty(object, "address", port.address);
  return object;
}

json::Object to_json(const Bandwidth& bandwidth) {
  json::Object object;
  set_unless_zero(object, "ingress_kbit_s", bandwidth.ingress_kbit_s);
  set_unless_zero(object, "ingress_burst_kbit", bandwidth.ingress_burst_kbit);
  set_unless_zero(object, "egress_kbit_s", bandwidth.egress_kbit_s);
  set_unless_zero(object, "egress_burst_kbit", bandwidth.egress_burst_kbit);
  return object;
}

/// The plugins portmap and bandwidth keep their rules by container and network, not by interface.
void check_together(Fields& fields, const std::vector<NetworkSpec>& networks) {
  std::set<std::string> interfaces;
  std::set<std::string> publishing;
  std::set<std::string> bounded;
  std::vector<PublishedPort> ports;
  for (const NetworkSpec& network : networks) {
    const std::string place = fmt::format("{} {}", to_string(network.kind), network.bridge);
    if (!interfaces.insert(network.interface).second) {
      fields.fault("networks", fmt::format("must have different interfaces; \"{}\" stands twice",
                                           network.interface));
    }
    if (!network.ports.empty() && !publishing.insert(place).second) {
      fields.fault("networks",
                   fmt::format("must publish ports by one of its interfaces on {} only", place));
    }
    if (network.bandwidth.egress_kbit_s != 0 && !bounded.insert(place).second) {
      fields.fault("networks",
                   fmt::format("must bound egress of one of its interfaces on {} only", place));
    }
    for (const PublishedPort& port : network.ports) {
      const bool twice = std::any_of(ports.begin(), ports.end(), [&](const PublishedPort& other) {
        return port.host != 0 && collide(port, other);
      });
      if (twice) {
        fields.fault("networks", fmt::format("must publish each port of the node once; {} is "
                                             "published twice",
                                             describe(port)));
      }
      ports.push_back(port);
    }
  }
}

}  // namespace

std::string_view to_string(NetworkKind kind) {
  switch (kind) {
    case NetworkKind::bridge:
      return "bridge";
    case NetworkKind::macvlan:
      return "macvlan";
    case NetworkKind::ptp:
      return "ptp";
    case NetworkKind::vlan:
      return "vlan";
  }
  return "unknown";
}

std::string describe(const PublishedPort& port) {
  const std::string number = fmt::format("{}/{}", port.host, port.protocol);
  if (port.address.empty()) {
    return number;
  }
  return is_six(port.address) ? fmt::format("[{}]:{}", port.address, number)
                              : fmt::format("{}:{}", port.address, number);
}

bool collide(const PublishedPort& port, const PublishedPort& other) {
  const auto is_all = [](const std::string& address) {
    return address.empty() || address_of(address) == "0.0.0.0" || address_of(address) == "::";
  };
  return port.host == other.host && port.protocol == other.protocol &&
         (is_all(port.address) || is_all(other.address) ||
          address_of(port.address) == address_of(other.address));
}

NetworkSpec read_network(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  NetworkSpec network;
  network.interface = fields.string("interface", "eth0");
  if (!is_interface_name(network.interface)) {
    fields.fault("interface", "must be 1 to 15 of letters, digits, '_', '-' and '.', and not lo");
  }
  read_place(fields, network);
  read_address(fields, network);
  network.vlan = static_cast<std::uint32_t>(fields.integer("vlan", 0, 1, 4094));
  read_ports(fields, network, faults);
  fields.object("bandwidth", [&](const json::Value& limits, std::string at) {
    network.bandwidth = read_bandwidth(limits, std::move(at), faults);
  });
  network.forwarding = fields.one_of("forwarding", "", {"open", "same-bridge"});
  check_kind(fields, network);
  fields.finish();
  return network;
}

json::Value to_json(const NetworkSpec& network) {
  json::Object object{{"interface", network.interface}};
  if (network.kind != NetworkKind::bridge) {
    object.set("kind", to_string(network.kind));
  }
  const bool has_parent = network.kind == NetworkKind::macvlan || network.kind == NetworkKind::vlan;
  set_unless_empty(object, has_parent ? "parent" : "bridge", network.bridge);
  set_unless_empty(object, "address", network.dhcp ? std::string(kAddressByDhcp) : network.address);
  set_unless_empty(object, "gateway", network.gateway);
  set_unless_zero(object, "vlan", network.vlan);
  if (!network.ports.empty()) {
    json::Array ports;
    for (const PublishedPort& port : network.ports) {
      ports.push_back(to_json(port));
    }
    object.set("ports", std::move(ports));
  }
  if (json::Object bandwidth = to_json(network.bandwidth); !bandwidth.empty()) {
    object.set("bandwidth", std::move(bandwidth));
  }
  set_unless_empty(object, "forwarding", network.forwarding);
  return object;
}

std::optional<std::vector<NetworkSpec>> read_networks(Fields& fields, Faults& faults) {
  if (!fields.has("networks")) {
    fields.any("networks");
    return std::nullopt;
  }
  std::vector<NetworkSpec> networks;
  fields.each("networks", kMostNetworks, [&](const json::Value& element, std::string at) {
    networks.push_back(read_network(element, std::move(at), faults));
  });
  check_together(fields, networks);
  return networks;
}

}  // namespace drover
