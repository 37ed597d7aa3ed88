// From a guest's configuration to what its container has of Proxmox.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/core/ids.h"
#include "agent/core/json.h"
#include "runtimes/runtime.h"

namespace drover::runtimes {

/// The interfaces and volumes that `map_spec` has asked for, as the configuration (the API's, or
/// pct.conf(5)) now has them. What an admin has taken out of it is left out here, too. An interface
/// that asks for its address by DHCP has none here.
Provided parts_of_guest(Vmid vmid, const ContainerSpec& spec, const json::Value& config);

/// An interface's address (CIDR) and gateway by its properties, IPv6's where it has none of IPv4.
/// Both are "" for one that says how to get them: "dhcp", "auto", "manual".
struct NetAddress {
  std::string address;
  std::string gateway;
};
NetAddress net_address_of(std::map<std::string, std::string>& net);

/// The key that the configuration has for a volume of the spec, or for the root disk (""): "mp0",
/// "rootfs". None for what is no volume of it.
std::optional<std::string> disk_key(const ContainerSpec& spec, const std::string& volume);
/// As the configuration tells them.
DiskSizes disk_sizes_of(const ContainerSpec& spec, const json::Value& config);

}  // namespace drover::runtimes
