// NetworkSpec: one network interface of a container, and what else the node does for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/fields.h"
#include "agent/core/json.h"

namespace drover {

/// How the interface is joined to the node. Named as the CNI plugins are that do it.
enum class NetworkKind {
  bridge,   ///< a veth whose other end is plugged into a bridge
  macvlan,  ///< a second hardware address on an interface of the node
  ptp,      ///< a veth whose other end is the node's, and routed
  vlan,     ///< a VLAN of an interface of the node, as an interface of its own
};

std::string_view to_string(NetworkKind kind);

/// In place of an address: a DHCP server of the network gives one, with gateway and resolvers.
inline constexpr std::string_view kAddressByDhcp = "dhcp";

/// A port of the node behind which a port of the container is.
struct PublishedPort {
  std::uint16_t host = 0;
  std::uint16_t container = 0;
  std::string protocol = "tcp";  ///< "tcp" or "udp"
  std::string address;           ///< of the node's, where it is only; "" for all
  bool operator==(const PublishedPort&) const = default;
};

/// "203.0.113.5:8080/tcp", the node's side of it.
std::string describe(const PublishedPort& port);
/// Whether both would be the same port of the node: of an address and of all, too.
bool collide(const PublishedPort& port, const PublishedPort& other);

/// How much may come and go, as the container sees it. A rate of 0 is none; a burst of 0 is what
/// the rate makes in 100 ms.
struct Bandwidth {
  std::uint64_t ingress_kbit_s = 0;
  std::uint64_t ingress_burst_kbit = 0;
  std::uint64_t egress_kbit_s = 0;
  std::uint64_t egress_burst_kbit = 0;
  bool operator==(const Bandwidth&) const = default;
};

struct NetworkSpec {
  std::string interface = "eth0";
  /// "" for the node's default bridge. Of the kinds macvlan and vlan, which have `parent` in JSON,
  /// it is the interface of the node; of ptp it is none.
  std::string bridge{};
  std::string address{};   ///< CIDR, or "" to have one picked from the bridge's configured range
  std::string gateway{};   ///< "" for the range's own
  std::uint32_t vlan = 0;  ///< tag 1 to 4094, 0 for none
  NetworkKind kind = NetworkKind::bridge;
  std::vector<PublishedPort> ports{};
  Bandwidth bandwidth{};
  /// What of its traffic the node hands on, where its own rules would not: "open" what it begins,
  /// and the answers; "same-bridge" the same, but nothing from containers of other bridges that say
  /// so; "" leaves it to the node.
  std::string forwarding{};
  /// Its address is that of a DHCP server there: `address` is "dhcp" in JSON, and "" here.
  bool dhcp = false;
  bool operator==(const NetworkSpec&) const = default;
};

/// Adds every fault to `faults` with its pointer below `pointer`.
NetworkSpec read_network(const json::Value& value, std::string pointer, Faults& faults);
/// The inverse; what has its default is left out.
json::Value to_json(const NetworkSpec& network);

/// The member "networks"; none when it is not given. Faults also of what two interfaces cannot
/// have together.
std::optional<std::vector<NetworkSpec>> read_networks(Fields& fields, Faults& faults);

}  // namespace drover
