// GuestSnapshots: states of a guest's disks and configuration that it can be put back to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxmox/guests.h"

namespace drover::proxmox {

struct GuestSnapshot {
  std::string name;
  std::string parent;  ///< the snapshot that the guest came from when this one was taken; or ""
  std::string description;
  std::int64_t taken_at = 0;  ///< seconds since 1970
  bool whole = true;          ///< false while it is being taken or deleted, and when that broke off
};

struct GuestSnapshots {
  std::vector<GuestSnapshot> all;  ///< oldest first
  std::string parent;              ///< what the guest as it is now came from last; or ""
};

/// As with Guests a lost answer is looked up first: what has not come of it is `unavailable`.
/// Thread- safe as far as the client is.
class SnapshotCalls {
 public:
  SnapshotCalls(Client& client, Tasks& tasks, Guests& guests)
      : client_(client), tasks_(tasks), guests_(guests) {}

  Result<GuestSnapshots> list(Vmid vmid, const Stop& stop);
  /// `refused` when a volume of the guest is on a storage without snapshots, `conflict` when there
  /// is one of that name. On `stop` Proxmox takes back what it has begun. A guest that runs is
  /// frozen for the moment, and thawed also if it was frozen before.
  Result<> take(Vmid vmid, const std::string& name, const std::string& description,
                const Stop& stop);
  /// Ends the guest at once if it runs, and does not start it. Half of a rollback would be worth
  /// nothing, so on `stop` the task is left to itself (Guests::settle waits for it).
  Result<> roll_back(Vmid vmid, const std::string& name, const Stop& stop);
  /// Absent is success. Left to itself on `stop` as well.
  Result<> remove(Vmid vmid, const std::string& name, const Stop& stop);

 private:
  /// Waits for what `answer` began without aborting it.
  Result<> finish(const json::Value& answer, const Stop& stop);

  Client& client_;
  Tasks& tasks_;
  Guests& guests_;
};

}  // namespace drover::proxmox
