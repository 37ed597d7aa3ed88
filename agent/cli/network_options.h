// NetworkOptions: how `drover run` says where a container is reached and how it finds others.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/container_spec.h"

namespace CLI {
class App;
}

namespace drover::cli {

struct NetworkOptions {
  std::vector<std::string> networks{};  ///< as read_network takes them, or "none" alone
  std::vector<std::string> publish{};   ///< as read_published takes them
  std::vector<std::string> dns{};
  std::vector<std::string> dns_search{};
  std::vector<std::string> dns_options{};
  std::vector<std::string> hosts{};  ///< "NAME:ADDRESS"
};

/// "INTERFACE=BRIDGE[,KEY=VALUE]..." with the keys kind, address, gateway, vlan, ingress, egress
/// and forwarding. `invalid` names the option; what each may be is checked with the whole spec.
Result<NetworkSpec> read_network(std::string_view text);
/// "[ADDRESS:]HOST:CONTAINER[/tcp|/udp]", an IPv6 address in brackets.
Result<PublishedPort> read_published(std::string_view text);

void add_network_options(CLI::App& command, NetworkOptions& options);

/// Adds them to what the spec has; ports are the first interface's.
Result<> set_network(const NetworkOptions& options, ContainerSpec& spec);

}  // namespace drover::cli
