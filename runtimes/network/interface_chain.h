// What CNI plugins are told to make an interface as its spec says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtimes/network/network.h"
#include "runtimes/network/plugin_chain.h"
#include "runtimes/network/tagged_bridge.h"

namespace drover::runtimes {

inline constexpr std::string_view kBandwidthPlugin = "bandwidth";

/// What the plugins are told; host-local keeps its addresses in a folder of this name. All that
/// share one share its addresses.
std::string network_name(const NetworkSpec& spec);
std::string network_name(const std::string& bridge);

/// The job's, else the range's where the address is of its subnet; "" for none.
std::string gateway_of(const NetworkSpec& spec, const std::optional<BridgeRange>& range);

/// Where what gives out addresses is, and what their node is called.
struct ChainPlaces {
  Path addresses;      ///< host-local's folder
  Path dhcp_socket{};  ///< dhcp_daemon.h
  std::string node{};
};

/// The one that gives it its link, then portmap, bandwidth and firewall as the spec asks. `range`:
/// of its bridge; `leads_out`: the gateway is its default route.
/// To a DHCP server a container is who it is by its node, name, network and interface (the plugin's
/// client identifier has the last three), and in a bridge by a hardware address made of the same:
/// made anew it is the same one, and one of the same name on another node is not.
PluginChain chain_of(const ContainerName& name, const JobId& job, const NetworkSpec& spec,
                     const std::optional<BridgeRange>& range, const std::optional<Lease>& lease,
                     bool leads_out, const ChainPlaces& places, const Joint& joint);

}  // namespace drover::runtimes
