// Interfaces: the simulated node's network configuration, applied and written.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// By interface name, what the API was given of each: "type", "cidr", "autostart"...
struct Interfaces {
  json::Object applied;
  json::Object written;  ///< as they will be once they are applied
};

/// Those of the node; at first Place::bridges alone.
Result<Interfaces> load_interfaces(const Place& place);
Result<> save_interfaces(const Place& place, const Interfaces& interfaces);

/// Of a configuration that was made by hand (Place::by_hand): Proxmox has written it anew, or has
/// taken back all that it had written.
Result<> note_writing(const Place& place, bool reverted);

/// What is written and not applied, as diff(1) tells it of two interfaces(5); "" for nothing.
Result<std::string> changes_of(const Place& place, const Interfaces& interfaces);

/// The names of those that the kernel had when this process last saw the configuration change:
/// Proxmox asks it only then.
std::set<std::string> active_interfaces(const Place& place, const Interfaces& interfaces);

/// What the kernel has plugged into a bridge, by name.
std::vector<std::string> ports_of(const std::string& bridge);

/// The task "srvreload", as ifupdown2 goes about it: what is written counts from now on, and the
/// kernel gets it. Bridges that are new are made; those that are configured no more are deleted,
/// unless something is plugged in; of all bridges ports that are neither configured nor called as
/// those of guests are taken out. A bridge one of whose configured ports is not there fails, which
/// is told once all the others are done.
Result<> apply_interfaces(const Place& place, const system::Stop& stop);
/// Deletes the bridges that were made so.
Result<> forget_interfaces(const Place& place, const system::Stop& stop);

}  // namespace drover::pve_sim
