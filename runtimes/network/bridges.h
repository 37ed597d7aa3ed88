// Bridges that Drover makes itself, on nodes without Proxmox. Whose a bridge is says its alias,
// which is there before its name: "drover:network:NAME".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {

struct OwnBridge {
  std::string name;     ///< at most 15 bytes (IFNAMSIZ)
  std::string address;  ///< its own, CIDR; "" for none
  bool vlan_aware = false;
};

enum class BridgeKind {
  none,       ///< there is no interface of that name
  ours,       ///< made here, also by an earlier agent
  other,      ///< a bridge of somebody else
  no_bridge,  ///< another interface
};
Result<BridgeKind> look_at_bridge(const std::string& name);

/// How a bridge is that was made here.
enum class BridgeState {
  up,
  down,     ///< somebody has set it down
  missing,  ///< somebody has deleted it
  taken,    ///< something that is not ours has its name
};
std::string_view to_string(BridgeState state);
/// The kernel answers at once: any thread, the loop's, too.
Result<BridgeState> state_of_bridge(const std::string& name);

/// The same of one that somebody else makes: any bridge of that name is it.
Result<BridgeState> state_of_others_bridge(const std::string& name);
/// Gives it an address of its own, always the same: without one it takes the lowest of its ports',
/// and so another with each container that comes or goes.
Result<> keep_hardware_address(const std::string& name, const system::Stop& stop);
/// What is plugged into it, by name: also what is not Drover's.
Result<std::vector<std::string>> ports_of_bridge(const std::string& name, const system::Stop& stop);

/// All of ours that there are, with the first address of each that is not of the link alone.
Result<std::vector<OwnBridge>> own_bridges(const system::Stop& stop);

/// Makes it, and brings it up with its address; one of ours is brought to that. Whatever else has
/// the name is `conflict`, and stays as it is.
Result<> make_bridge(const OwnBridge& bridge, const system::Stop& stop);
/// What a bridge is called until its alias is set: who is stopped in between leaves this one, and
/// no bridge whose owner nobody can tell.
std::string name_while_made(const std::string& name);
/// With what is left of one that was not made whole. Absent is success; `refused` for one that is
/// not ours.
Result<> remove_bridge(const std::string& name, const system::Stop& stop);

/// The addresses to give out on it: those of its own address's subnet. Without an address none, and
/// programs inside have to ask a DHCP server.
BridgeRange range_of(const OwnBridge& bridge);

}  // namespace drover::runtimes
