// NetworkConfiguration: bridges that are made and removed in a node's own configuration.
//
// Proxmox writes all changes of a node's network to one file and applies the whole of it at once,
// whoever has made them. So nothing is changed while somebody else's changes wait there, and
// nothing but our own is ever applied or taken back.
#pragma once

#include <string>
#include <vector>

#include "proxmox/network_changes.h"
#include "proxmox/task.h"

namespace drover::proxmox {

/// A bridge without ports, started with the node.
struct BridgeRequest {
  std::string name;
  std::string cidr;  ///< the node's own address on it, "" for none
  bool vlan_aware = false;
  bool operator==(const BridgeRequest&) const = default;
};

/// Whether Proxmox can have a bridge of that name: `invalid` says what it takes.
Result<> check_bridge_name(const std::string& name);

/// Whose a bridge is says its comment, "drover:network:NAME". One call at a time changes a node:
/// the caller sees to that.
class NetworkConfiguration {
 public:
  /// Both must outlive this.
  NetworkConfiguration(Client& client, system::Clock& clock)
      : client_(client), tasks_(client, clock) {}

  /// Makes it and has it applied; one of ours is brought to that, and whatever an earlier call has
  /// left in the middle is gone on with. `conflict` for one that is not ours, for an address in the
  /// subnet of another interface, which Proxmox would take, and while changes of somebody else wait
  /// to be applied.
  Result<> make_bridge(const BridgeRequest& bridge, const Stop& stop);
  /// Absent is success, and one that was never applied is taken out of what waits to be. `refused`
  /// for one that is not ours; `conflict` as make_bridge.
  Result<> remove_bridge(const std::string& name, const Stop& stop);
  /// All that were made here.
  Result<std::vector<BridgeRequest>> own_bridges(const Stop& stop);

 private:
  struct Entry {
    BridgeRequest bridge;
    bool ours = false;
    bool active = false;  ///< in the kernel
  };
  struct Configuration {
    std::vector<Entry> entries;
    NetworkChanges pending;
    bool differs = false;  ///< something waits to be applied, be it a comment

    const Entry* find(const std::string& name) const;
    Result<> check_subnet(const BridgeRequest& bridge, const std::string& what) const;
  };

  Result<Configuration> read(const Stop& stop);
  /// Waits until nobody applies the configuration.
  Result<> settle(const Stop& stop);
  /// Writes it into what waits to be applied.
  Result<> write(const BridgeRequest& bridge, bool is_there, const Stop& stop);
  Result<> erase(const std::string& name, const Stop& stop);
  /// `timed_out` when nobody knows whether it was.
  Result<> apply(const Stop& stop);
  /// What was lost shows in what the configuration is then.
  Result<> apply_unless_lost(const std::string& what, const Stop& stop);
  std::string path() const;

  Client& client_;
  Tasks tasks_;
};

}  // namespace drover::proxmox
