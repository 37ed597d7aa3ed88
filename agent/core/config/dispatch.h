// The configuration's section "dispatch": the dispatchers that this node works for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/fields.h"
#include "agent/core/json.h"

namespace drover {

/// Where a dispatcher listens for agents. The node connects to it, never the other way.
struct DispatchServer {
  std::string address;       ///< an IP address
  std::int64_t port = 7130;  ///< for agents
  std::string key;           ///< the name of its key in this node's allow list, with role dispatch
  bool operator==(const DispatchServer&) const = default;
};

/// Section "dispatch".
struct DispatchConfig {
  std::vector<DispatchServer> servers;  ///< at most 16; none: no dispatcher
};

/// The section, with every fault in it and its pointer below `at`.
DispatchConfig read_dispatch_section(const json::Value& value, std::string at, Faults& faults);
/// The member "servers" alone.
std::vector<DispatchServer> read_dispatch_servers(Fields& fields, Faults& faults);
/// Of the form that is read.
json::Value to_json(const std::vector<DispatchServer>& servers);

}  // namespace drover
