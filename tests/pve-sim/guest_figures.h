// What a guest uses, and what it may use, as the API tells it.
#pragma once

#include <optional>
#include <string>

#include "agent/core/json.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Adds to `status` the figures of a guest with this configuration, which runs with `process` as
/// its first one or does not. Memory is that process's own; what the simulator does not measure
/// (processor, disk and network traffic) is 0, as of a guest that has just started.
void add_figures(const Place& place, const std::string& vmid, const json::Object& config,
                 std::optional<int> process, json::Object& status);

}  // namespace drover::pve_sim
