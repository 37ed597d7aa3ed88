// NetworkConfiguration: bridges that are made and removed in a node's own configuration.
//
// Proxmox writes all changes of a node's network to one file and applies the whole of it at once,
// whoever has made them. So nothing is changed while somebody else's changes wait there, and
// nothing but our own is applied or taken back, as far as the API lets anybody tell.
#pragma once

#include <map>
#include <optional>
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

/// Of the node that this process runs on: what is in the kernel is asked of the kernel, because the
/// API tells what was there when it last read the file. Whose a bridge is says its comment,
/// "drover:network:NAME". One call at a time changes a node: the caller sees to that.
class NetworkConfiguration {
 public:
  /// Both must outlive this.
  NetworkConfiguration(Client& client, system::Clock& clock)
      : client_(client), tasks_(client, clock) {}

  /// Makes it and has it applied; whatever an earlier call has left in the middle is gone on with,
  /// and what is there and up is left alone. `conflict` for one that is not ours or was changed by
  /// somebody, for an address in the subnet of another interface, which Proxmox would take, and
  /// while changes of somebody else wait to be applied.
  Result<> make_bridge(const BridgeRequest& bridge, const Stop& stop);
  /// Absent is success, and one that was never applied is only taken out of what waits to be.
  /// `refused` for one that is not ours; `conflict` while somebody else's changes wait, and when
  /// the kernel keeps it because something was plugged in meanwhile: then it is as before.
  Result<> remove_bridge(const std::string& name, const Stop& stop);

  struct Known {
    BridgeRequest bridge;
    bool ours = false;
  };
  /// What is configured by that name, be it applied or not, and of whatever kind.
  Result<std::optional<Known>> look_at(const std::string& name, const Stop& stop);
  /// All bridges that were made here.
  Result<std::vector<BridgeRequest>> own_bridges(const Stop& stop);

 private:
  struct Entry {
    Known known;
    std::vector<std::string> cidrs;  ///< of both families
    std::string text;                ///< all that is configured of it, always in one order
  };
  struct Configuration {
    std::map<std::string, Entry> entries;
    NetworkChanges pending;
    bool differs = false;  ///< something waits to be applied, be it how the file is written

    const Entry* find(const std::string& name) const;
    Result<> check_subnet(const BridgeRequest& bridge, const std::string& what) const;
  };

  Result<Configuration> read(const Stop& stop);
  /// Waits until nobody applies the configuration; `unavailable` when that takes too long.
  Result<> settle(const Stop& stop);
  /// `conflict` when, after a change of ours to `before`, there is more in `now` than that.
  static Result<> check_alone(const Configuration& before, const Configuration& now,
                              const std::string& name, const std::string& what);
  /// These change what waits to be applied; a lost answer is for the caller to look up.
  Result<> write(const BridgeRequest& bridge, const Stop& stop);
  Result<> erase(const std::string& name, const Stop& stop);
  /// `timed_out` when nobody knows whether it was.
  Result<> apply(const Stop& stop);
  /// Writes what is not there yet, alone.
  Result<> add(const BridgeRequest& bridge, const Configuration& before, const std::string& what,
               const Stop& stop);
  /// Takes out what was never applied.
  Result<> withdraw(const std::string& name, const std::string& what, const Stop& stop);
  /// Of a bridge that was applied away and that the kernel has still.
  Result<> put_back(const BridgeRequest& bridge, const std::string& what, const Stop& stop);
  std::string path() const;

  Client& client_;
  Tasks tasks_;
};

}  // namespace drover::proxmox
