// LinkWatch: the bridges, vnets and bonds of this node of Proxmox, as they were seen last.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "agent/system/clock.h"
#include "agent/system/stop.h"
#include "proxmox/network.h"

namespace drover::jobs {

/// What queries may ask, which must not wait for the API. Thread-safe.
class LinkWatch {
 public:
  struct Seen {
    std::vector<proxmox::NodeLink> links;  ///< by name
    std::int64_t at = 0;                   ///< unix ms; 0: never yet
    std::string blind;  ///< why they could not be listed since; "" when they could
  };

  /// Both must outlive it.
  LinkWatch(proxmox::Network& network, system::Clock& clock) : network_(network), clock_(clock) {}

  /// Asks the API. What cannot be asked stays as it was seen.
  void look(const system::Stop& stop);
  Seen seen() const;

 private:
  proxmox::Network& network_;
  system::Clock& clock_;
  mutable std::mutex mutex_;
  Seen seen_;  // guarded by mutex_
};

}  // namespace drover::jobs
