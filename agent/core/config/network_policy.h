// The configuration's object "policy.network": which networks and ports of the node a job may use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

/// Whole numbers, both ends with them.
struct NumberRange {
  std::uint16_t first = 1;
  std::uint16_t last = 65535;
  bool has(std::uint32_t number) const { return first <= number && number <= last; }
  bool operator==(const NumberRange&) const = default;
};

/// "8000-8999", or "22" of one number.
std::string describe(const NumberRange& range);

/// Ports of the node that jobs may publish.
struct AllowedPorts {
  NumberRange numbers;
  std::string protocol;  ///< "tcp" or "udp"; "" for both
  bool operator==(const AllowedPorts&) const = default;
};

/// "8000-8999/tcp"
std::string describe(const AllowedPorts& ports);

/// Object "policy.network". As it is without one, a job has what an admin has made to be shared:
/// bridges with their VLANs, and the node's ports; nothing else of the node's interfaces, and
/// no place in its routes.
struct NetworkPolicy {
  std::vector<std::string> bridges = {"*"};  ///< globs, of bridges and vnets
  std::vector<NumberRange> vlans = {{1, 4094}};
  std::vector<std::string> parents;  ///< globs, of interfaces under macvlan and vlan
  std::vector<std::string> routed;   ///< subnets (CIDR) of routed links (ptp)
  std::vector<std::string> subnets = private_subnets();  ///< of networks that jobs make
  std::vector<AllowedPorts> ports = {{}};
  /// Subnets with the node's addresses that ports may be published at. A port of all addresses
  /// needs one that is every address of its IP version.
  std::vector<std::string> port_addresses = {"0.0.0.0/0", "::/0"};
  bool forwarding = true;
  bool operator==(const NetworkPolicy&) const = default;

  /// Those that nobody on the internet has (RFC 1918, 6598, 4193), and those of tests and of
  /// documents (RFC 2544, 5737, 3849).
  static std::vector<std::string> private_subnets();
};

/// The object, with every fault in it and its pointer below `at`.
NetworkPolicy read_network_policy(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
