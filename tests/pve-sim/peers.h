// Peers: the other nodes of the simulated cluster, each with a simulator of its own.
#pragma once

#include <optional>
#include <string>

#include "agent/core/result.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Tells the others where this node's guests live and which bridges it has.
Result<> write_own_place(const Place& place);
/// The place of the node of that name; none when this one does not reach it.
std::optional<Place> find_peer(const Place& place, const std::string& name);
/// The node that has the guest; "" when none has.
std::string node_with_guest(const Place& place, const std::string& vmid);
/// All that this one reaches.
std::vector<Place> all_peers(const Place& place);

}  // namespace drover::pve_sim
