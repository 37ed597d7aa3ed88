// Migrations of guests: from this node to another of its cluster.
#pragma once

#include <optional>
#include <string>

#include "agent/core/ids.h"
#include "proxmox/guests.h"

namespace drover::proxmox {

/// Thread-safe as far as the client is.
class MigrationCalls {
 public:
  MigrationCalls(Client& client, Tasks& tasks, Guests& guests)
      : client_(client), tasks_(tasks), guests_(guests) {}

  /// `not_found` for a node that the cluster does not have, `unavailable` for one that is offline,
  /// and `conflict` for a guest that the HA manager has in its hands, which would decide itself.
  Result<> check(Vmid vmid, const std::string& node, const Stop& stop);
  /// Of a guest at rest, with its volumes on `storage` there, "" for those they are on here.
  /// Returns when it is there, with what Proxmox complains about all the same ("" for nothing).
  /// After an error it is here, unless that says that nobody knows: a guest moves all at once.
  /// Nothing breaks it off; on `stop` it goes on by itself.
  Result<std::string> migrate(Vmid vmid, const std::string& node, const std::string& storage,
                              const Stop& stop);
  /// Starts one that is on that node now. One that runs is success.
  Result<> start_there(Vmid vmid, const std::string& node, const Stop& stop);

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
  Result<> migrate_now(Vmid vmid, const Form& form, const Stop& stop);

  Client& client_;
  Tasks& tasks_;
  Guests& guests_;
};

}  // namespace drover::proxmox
