// What a node is and uses, as the API tells it: the machine's own figures.
#pragma once

#include "agent/core/json.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// A row of GET /nodes.
json::Object node_row(const Place& place);
/// The same for who may not look at the node.
json::Object bare_node_row(const Place& place);
/// GET /nodes/NODE/status.
json::Object node_status(const Place& place);

}  // namespace drover::pve_sim
