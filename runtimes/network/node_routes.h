// The ways that a node knows, which nothing that a job asks for may take from it.
#pragma once

#include <string>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

struct NodeRoute {
  std::string to;  ///< CIDR; "" for the default route
  std::string device;
  std::vector<std::string> gateways;
};

/// Those of its main table, of IPv6 or of IPv4.
Result<std::vector<NodeRoute>> node_routes(bool six, const system::Stop& stop);

/// `conflict` when an address of `subnet` (CIDR) is in a network that the node knows a way to by
/// another interface than `own`, but for its default route: what it sends there would end in
/// `own`.
Result<> check_no_way_to(const std::string& subnet, const std::string& own,
                         const system::Stop& stop);

/// `conflict` when the address, with or without a prefix length, is that of a router by which the
/// node sends: a container that has it answers in its place.
Result<> check_no_router(const std::string& address, const system::Stop& stop);

}  // namespace drover::runtimes
