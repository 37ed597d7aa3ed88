// Quorum: whether the simulated node's cluster file system can be written, and what it says if not.
#pragma once

#include <string>

#include "agent/core/result.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// By Place::cluster; a node that stands alone has one.
bool has_quorum(const Place& place);
/// What a method says that asks before it begins anything.
Result<> check_quorum(const Place& place);
/// What the kernel says to who writes a guest's configuration.
Result<> check_guest_writable(const Place& place, const std::string& vmid);

}  // namespace drover::pve_sim
