// StorageWatch: the storages of Proxmox on this node, as they were seen last.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/system/clock.h"
#include "agent/system/stop.h"
#include "proxmox/node_storage.h"
#include "proxmox/storage.h"

namespace drover::jobs {

/// What queries and the admission of jobs may ask, which must not wait for the API. Thread-safe.
class StorageWatch {
 public:
  struct Seen {
    std::vector<proxmox::StorageInfo> storages;
    std::int64_t at = 0;  ///< unix ms; 0: never yet
    std::string blind;    ///< why they could not be listed since; "" when they could
    /// Why this node's own PVE::Storage cannot grow volumes; "" when it can.
    std::string no_node_storage = "this node's PVE::Storage was not looked for yet";
  };

  /// All must outlive it.
  StorageWatch(proxmox::Client& client, system::Clock& clock,
               proxmox::NodeStorage node_storage = proxmox::NodeStorage())
      : clock_(clock),
        tasks_(client, clock),
        storage_(client, tasks_),
        node_storage_(std::move(node_storage)) {}

  /// Asks the API. What cannot be asked stays as it was seen.
  void look(const system::Stop& stop);
  Seen seen() const;
  /// `refused` where the storage is known to hold no volumes of containers; one that was not seen
  /// yet may.
  Result<> accepts(const std::string& storage) const;
  /// `refused` where only this node's own PVE::Storage could grow a volume, and is not there.
  Result<> grows_devices() const;

 private:
  system::Clock& clock_;
  proxmox::Tasks tasks_;
  proxmox::Storage storage_;
  proxmox::NodeStorage node_storage_;
  mutable std::mutex mutex_;
  Seen seen_;  // guarded by mutex_
};

}  // namespace drover::jobs
