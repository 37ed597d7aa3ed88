#include "runtimes/network/leased_address.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/ip_address.h"
#include "agent/system/child.h"
#include "runtimes/network/cni.h"
#include "runtimes/network/node_routes.h"

namespace drover::runtimes {
namespace {

/// RFC 3927.
constexpr const char* kLinkLocal = "169.254.0.0/16";

/// The answer's first object; null for none.
Result<json::Value> first_of(const std::vector<std::string>& argv, const system::Stop& stop) {
  const system::Output output = TRY(system::run(argv, stop));
  const Result<json::Value> listed = json::parse(output.out);
  const bool has_one =
      output.ending.code == 0 && listed && listed->array() != nullptr && !listed->array()->empty();
  return has_one ? listed->array()->front() : json::Value();
}

/// Also one to which the node itself listens as a broadcast. One that it knows no way to is not.
Result<bool> is_nodes_own(const std::string& address, const system::Stop& stop) {
  const json::Value route =
      TRY(first_of({"ip", "-json", "route", "get", "fibmatch", address}, stop));
  const std::string_view type = route.at("type").string_or("");
  return type == "local" || type == "broadcast";
}

bool is_routers(const std::string& address, const std::vector<NodeRoute>& routes) {
  return std::any_of(routes.begin(), routes.end(), [&address](const NodeRoute& route) {
    return std::any_of(
        route.gateways.begin(), route.gateways.end(),
        [&address](const std::string& gateway) { return address_of(gateway) == address; });
  });
}

int length_of(const std::string& cidr) {
  const std::size_t slash = cidr.find('/');
  int length = 0;
  std::from_chars(cidr.data() + std::min(slash + 1, cidr.size()), cidr.data() + cidr.size(),
                  length);
  return length;
}

/// The interfaces by which it sends to the address: those of the routes that say most about it.
std::vector<std::string> ways_to(const std::string& address, const std::vector<NodeRoute>& routes) {
  std::vector<std::string> devices;
  int most = 0;
  for (const NodeRoute& route : routes) {
    if (route.to.empty() || !lies_in(address, route.to) || length_of(route.to) < most) {
      continue;
    }
    if (length_of(route.to) > most) {
      devices.clear();
      most = length_of(route.to);
    }
    devices.push_back(route.device);
  }
  return devices;
}

/// Whether it is the bridge, the one beside it that has its VLAN, or the node's own VLAN of it.
Result<bool> is_of_chain(const std::string& device, const PluginChain& chain,
                         const system::Stop& stop) {
  const std::string place = place_of(chain);
  const std::string_view joined = chain.plugins.front().at("bridge").string_or("");
  if (device == place || device == joined) {
    return true;
  }
  const json::Value link = TRY(first_of({"ip", "-json", "link", "show", "dev", device}, stop));
  const std::string_view below = link.at("link").string_or("");
  return !below.empty() && (below == place || below == joined);
}

/// The interface by which it would send what comes to the container's ports elsewhere; "" for none.
Result<std::string> way_elsewhere(const std::string& address, const PluginChain& chain,
                                  const std::vector<NodeRoute>& routes, const system::Stop& stop) {
  const std::vector<std::string> devices = ways_to(address, routes);
  for (const std::string& device : devices) {
    if (TRY(is_of_chain(device, chain, stop))) {
      return std::string();
    }
  }
  return devices.empty() ? std::string() : devices.front();
}

bool publishes_ports(const PluginChain& chain) {
  return std::any_of(chain.plugins.begin(), chain.plugins.end(), [](const json::Value& plugin) {
    return plugin.at("type").string_or("") == "portmap";
  });
}

/// Why it cannot have it; "" when it can.
Result<std::string> why_not(const PluginChain& chain, const std::string& cidr,
                            const system::Stop& stop) {
  const std::string address = address_of(cidr);
  if (!is_assignable(cidr)) {
    return std::string("which no host can have");
  }
  if (lies_in(address, kLinkLocal)) {
    return std::string("which is link-local");
  }
  if (TRY(is_nodes_own(address, stop))) {
    return std::string("which is this node's own");
  }
  const std::vector<NodeRoute> routes = TRY(node_routes(false, stop));
  if (is_routers(address, routes)) {
    return std::string("which is that of a router of this node");
  }
  const std::string elsewhere =
      publishes_ports(chain) ? TRY(way_elsewhere(address, chain, routes, stop)) : "";
  return elsewhere.empty()
             ? std::string()
             : fmt::format("which this node reaches by {}: its ports would lead there", elsewhere);
}

}  // namespace

Result<> check_leased_address(const PluginChain& chain, const json::Value& result,
                              const system::Stop& stop) {
  const std::string cidr = TRY(read_cni_result(result)).address;
  const std::string why = TRY(why_not(chain, cidr, stop));
  return why.empty()
             ? Result<>()
             : fail(Code::refused,
                    "interface {}: a DHCP server on {} gives it {}, {}; look who answers DHCP "
                    "there, or choose an address",
                    chain.interface, place_of(chain), cidr, why);
}

}  // namespace drover::runtimes
