// Migrations of guests: from this node to another of its cluster.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/core/ids.h"
#include "proxmox/guests.h"

namespace drover::proxmox {

/// What POST /nodes/N/lxc/VMID/migrate is given.
struct MigrationRequest {
  std::string node;               ///< where to
  bool restart = false;           ///< one that runs is ended here, and started there
  std::chrono::seconds grace{0};  ///< for its programs to end, when it runs
  std::string storage;            ///< there, of all its volumes; "" for those they are on here
};

/// Thread-safe as far as the client is.
class MigrationCalls {
 public:
  MigrationCalls(Client& client, Tasks& tasks, Guests& guests)
      : client_(client), tasks_(tasks), guests_(guests) {}

  /// Returns when it is there, with what Proxmox complains about all the same ("" for nothing), as
  /// of a start there that has failed. After an error it is here, unless that says that nobody
  /// knows: a guest moves all at once. `conflict` for one that the HA manager has in its hands,
  /// which would decide itself, and for one that runs, without `restart`. Nothing breaks it off; on
  /// `stop` it goes on by itself.
  Result<std::string> migrate(Vmid vmid, const MigrationRequest& request, const Stop& stop);

  struct Placed {
    std::string node;
    GuestInfo guest;
  };
  /// The guest of that number, wherever in the cluster; none when no node has one, or our user may
  /// not see it.
  Result<std::optional<Placed>> find(Vmid vmid, const Stop& stop);

 private:
  Result<> check_unmanaged(Vmid vmid, const std::string& node, const Stop& stop);
  /// Asks for it and waits; how it ended tells no more than that nothing goes on any longer.
  Result<> migrate_now(Vmid vmid, const MigrationRequest& request, const Stop& stop);

  Client& client_;
  Tasks& tasks_;
  Guests& guests_;
};

}  // namespace drover::proxmox
