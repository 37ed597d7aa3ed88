#include "runtimes/network/node_routes.h"

#include "agent/core/ip_address.h"
#include "agent/core/json.h"
#include "agent/system/child.h"

namespace drover::runtimes {
namespace {

bool has_colon(const std::string& address) {
  return address.find(':') != std::string::npos;
}

/// ip(8) writes one host without its prefix length.
std::string cidr_of(const std::string& destination, bool six) {
  if (destination == "default") {
    return "";
  }
  return destination.find('/') != std::string::npos ? destination
                                                    : destination + (six ? "/128" : "/32");
}

/// Of one route, or of one of the hops of one that has several; and one of the other IP version is
/// in "via".
void take_gateway(const json::Value& hop, std::vector<std::string>& gateways) {
  for (const std::string_view gateway :
       {hop.at("gateway").string_or(""), hop.at("via").at("host").string_or("")}) {
    if (!gateway.empty()) {
      gateways.emplace_back(gateway);
    }
  }
}

}  // namespace

Result<std::vector<NodeRoute>> node_routes(bool six, const system::Stop& stop) {
  const std::string text =
      TRY(system::run_ok({"ip", six ? "-6" : "-4", "-json", "route", "show"}, stop));
  // Older versions say nothing at all when there is none.
  const json::Value listed = TRY(json::parse(text.empty() ? "[]" : text).context("read ip route"));
  std::vector<NodeRoute> routes;
  const json::Array* const array = listed.array();
  for (const json::Value& route : array != nullptr ? *array : json::Array()) {
    NodeRoute found{cidr_of(std::string(route.at("dst").string_or("")), six),
                    std::string(route.at("dev").string_or("")),
                    {}};
    take_gateway(route, found.gateways);
    const json::Array* const hops = route.at("nexthops").array();
    for (const json::Value& hop : hops != nullptr ? *hops : json::Array()) {
      take_gateway(hop, found.gateways);
    }
    routes.push_back(std::move(found));
  }
  return routes;
}

Result<> check_no_way_to(const std::string& subnet, const std::string& own,
                         const system::Stop& stop) {
  const std::vector<NodeRoute> routes = TRY(node_routes(has_colon(subnet), stop));
  for (const NodeRoute& route : routes) {
    if (!route.to.empty() && route.device != own && overlap(subnet, route.to)) {
      return fail(Code::conflict,
                  "{} has addresses of {}, which this node knows a way to ({}); choose another",
                  subnet, route.to, route.device);
    }
  }
  return {};
}

Result<> check_no_router(const std::string& address, const system::Stop& stop) {
  const std::vector<NodeRoute> routes = TRY(node_routes(has_colon(address), stop));
  for (const NodeRoute& route : routes) {
    for (const std::string& gateway : route.gateways) {
      if (address_of(gateway) == address_of(address)) {
        return fail(Code::conflict,
                    "address {} is that of a router of this node (by {} to {}): choose another",
                    address_of(address), route.device, route.to.empty() ? "default" : route.to);
      }
    }
  }
  return {};
}

}  // namespace drover::runtimes
