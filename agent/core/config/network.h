// The configuration's section "network".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

using std::filesystem::path;

/// Section "network".
struct NetworkConfig {
  std::string default_bridge;  ///< "" : containers get only a loopback interface
  std::vector<path> plugin_folders = {"/usr/lib/cni", "/opt/cni/bin"};
  struct Range {
    std::string bridge;
    std::string subnet;  ///< CIDR
    std::string first;
    std::string last;
    std::string gateway;
  };
  std::vector<Range> ranges;
};

/// The section, with every fault in it and its pointer below `at`.
NetworkConfig read_network_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
