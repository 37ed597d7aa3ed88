// Place: where one simulated node keeps its things, and what it is called.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace drover::pve_sim {

using std::filesystem::path;

struct Place {
  path directory;  ///< everything but the guests' lxc folders is below it
  path lxc_path;   ///< VMID/config and VMID/rootfs of each guest
  std::string node = "pve1";
  std::vector<std::string> bridges;  ///< configured ones; active only when the kernel has them
  std::chrono::milliseconds allocation{0};     ///< how long each change of the storage takes
  std::chrono::milliseconds lock_wait{10000};  ///< for the lock of a guest's configuration
  path trace;                                  ///< see trace.h; "" for none
  std::string user = "root@pam";
  std::string token = "drover";

  /// Storages that are there at first (storage_config.h), by name, each a folder below `directory`,
  /// and their types: "dir" keeps no snapshots, "btrfs" does. Templates and uploads are on "local".
  std::map<std::string, std::string> storages{{"local", "dir"}};

  path storage(const std::string& name = "local") const { return directory / name; }
  path images(const std::string& name = "local") const { return storage(name) / "images"; }
  path dump(const std::string& name) const { return storage(name) / "dump"; }
  path snapshots(const std::string& name) const { return storage(name) / "snapshots"; }
  path templates() const { return storage() / "template" / "cache"; }
  path uploads() const { return directory / "uploads"; }
  path guests() const { return directory / "guests"; }
  path units() const { return directory / "units"; }            ///< see guest_unit.h
  path guest_configs() const { return directory / "configs"; }  ///< VMID.conf of those started
  path ended() const { return directory / "ended"; }            ///< exit codes of guests' units
  path tasks() const { return directory / "tasks"; }
  path access() const { return directory / "access.json"; }  ///< see users.h
  path firewall(const std::string& vmid) const { return directory / "firewall" / vmid; }
  /// "NAME 1": the node is one of two of a quorate cluster; "NAME 0": the other cannot be seen, and
  /// what all nodes share cannot be written (quorum.h). It stands alone where there is no such
  /// file.
  path cluster() const { return directory / "cluster"; }
  /// "STATE": how the HA manager sees the node, "online" or "maintenance"; "STATE maintenance":
  /// somebody has asked for maintenance and it has not come about yet. HA was never used where
  /// there is no such file.
  path ha() const { return directory / "ha"; }
  /// Another node of the cluster, as its own simulator has it: where there is such a link, this
  /// node reaches that one (peers.h).
  path peer(const std::string& name) const { return directory / "nodes" / name; }
  /// Numbers of the guests that the HA manager has in its hands, one a line.
  path ha_guests() const { return directory / "ha-guests"; }
  /// The node's network was configured by hand, without the heading that Proxmox writes: where
  /// there is such a file, "changed" once Proxmox has written it anew, and "" before.
  path by_hand() const { return directory / "interfaces-by-hand"; }
  path faults() const { return directory / "faults"; }  ///< see faults.h
};

}  // namespace drover::pve_sim
