// StorageWatch: the storages of Proxmox on this node, as they were seen last.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "agent/system/clock.h"
#include "agent/system/stop.h"
#include "proxmox/storage.h"

namespace drover::jobs {

/// What queries and the admission of jobs may ask, which must not wait for the API. Thread-safe.
class StorageWatch {
 public:
  struct Seen {
    std::vector<proxmox::StorageInfo> storages;
    std::int64_t at = 0;  ///< unix ms; 0: never yet
    std::string blind;    ///< why they could not be listed since; "" when they could
  };

  /// All must outlive it.
  StorageWatch(proxmox::Client& client, system::Clock& clock)
      : clock_(clock), tasks_(client, clock), storage_(client, tasks_) {}

  /// Asks the API. What cannot be asked stays as it was seen.
  void look(const system::Stop& stop);
  Seen seen() const;
  /// `refused` where the storage is known to hold no volumes of containers; one that was not seen
  /// yet may.
  Result<> accepts(const std::string& storage) const;

 private:
  system::Clock& clock_;
  proxmox::Tasks tasks_;
  proxmox::Storage storage_;
  mutable std::mutex mutex_;
  Seen seen_;  // guarded by mutex_
};

}  // namespace drover::jobs
