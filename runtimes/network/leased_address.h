// LeasedAddress: whether a container may have the address that a DHCP server gives it.
//
// Who answers on a network chooses it, and with it where the node sends what comes to the
// container's published ports: to the node itself, or into a network that only the node reaches.
#pragma once

#include "agent/core/json.h"
#include "agent/system/stop.h"
#include "runtimes/network/plugin_chain.h"

namespace drover::runtimes {

/// Of `result`, the first plugin's answer. `refused`, naming the address and why: one that no host
/// can have, link-local, the node's own, that of a router of the node, and for published ports one
/// that the node knows a way to by another interface than the chain's bridge, but for its default
/// route. Any thread; asks ip(8).
Result<> check_leased_address(const PluginChain& chain, const json::Value& result,
                              const system::Stop& stop);

}  // namespace drover::runtimes
