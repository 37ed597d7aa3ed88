// StorageLock: one change of the storage at a time, as Proxmox does it.
#pragma once

#include <chrono>

#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "agent/system/unique_fd.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Held between its making and its end; a file's lock, so between processes, too. Whoever has
/// waited ten seconds in vain is told so and does nothing: not in the order in which they came.
class StorageLock {
 public:
  static Result<StorageLock> take(const Place& place, const system::Stop& stop);
  StorageLock(StorageLock&&) = default;
  StorageLock& operator=(StorageLock&&) = delete;
  /// After what a change of the storage takes at this node (Place::allocation).
  ~StorageLock();

 private:
  StorageLock(system::UniqueFd file, std::chrono::milliseconds time)
      : file_(std::move(file)), time_(time) {}

  system::UniqueFd file_;
  std::chrono::milliseconds time_;
};

}  // namespace drover::pve_sim
