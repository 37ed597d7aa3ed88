// InterfacesFile: what interfaces(5) says of bridges that the kernel does not tell.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/system/file.h"

namespace drover::runtimes {

struct InterfacesFile {
  /// Bridges whose ports are to learn no hardware addresses ("bridge-disable-mac-learning 1"). The
  /// option is Proxmox VE's own, for the ports that it makes itself (pve-common,
  /// PVE::Network::tap_plug); as there, every value but 0 turns it on, and of several the last one
  /// counts.
  std::set<std::string> unlearning;
  std::vector<std::string> sources;  ///< patterns (glob(7)) of files that belong to it
};

InterfacesFile parse_interfaces(std::string_view text);

/// Whether the bridge is one of those, by the file or one that belongs to it. What is not there or
/// cannot be read says nothing. Any thread.
bool learns_no_addresses(const system::Path& file, const std::string& bridge);

}  // namespace drover::runtimes
