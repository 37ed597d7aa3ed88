// How a guest is started: by its unit, as systemd would.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Makes pve-container@.service below Place::units(), and the lxc-start(1) that it names: one that
/// knows where this node keeps its guests.
Result<> make_guest_units(const Place& place);

/// The words of the last ExecStart= that a unit and its drop-ins give, of which an empty one takes
/// back those before. `instance` stands for %i.
std::vector<std::string> exec_start(const std::vector<std::string>& texts,
                                    std::string_view instance);

/// Runs what the guest's unit says beside its drop-ins, and returns when the guest runs or has run.
/// Its LXC configuration is there; `program`: words of what runs inside, none for its own init.
Result<> start_unit(const Place& place, const std::string& vmid, const json::Object& config,
                    const std::vector<std::string>& program, const system::Stop& stop);

}  // namespace drover::pve_sim
