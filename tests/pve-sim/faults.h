// Faults: what goes wrong at the simulated node because a test wants it.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Place::faults() holds lines "FAULT COUNT WHAT", read anew each time: the next COUNT requests
/// whose "METHOD /path" begins with WHAT, or tasks of type WHAT, meet the fault.
///   refused   request: HTTP 595, and nothing is done
///   lost      request: it is done, and the answer is HTTP 596
///   denied    request: HTTP 403, and nothing is done
///   hidden    request: bridges that were made here are not shown, as to who has no SDN.Use on them
///   lock      request or task: a lock was waited for in vain, and nothing is done
///   nospace   request or task: the storage is full, and nothing is done
///   nogroup   task: the storage's volume group is not there, and nothing is done
///   warnings  task: it does its work and ends with "WARNINGS: 1"
///   late      task: asked for its status, nobody knows it yet
///   expired   "ticket": every ticket that was given is good no more
///   second-factor  "ticket": whoever logs in is asked for one
/// Thread-safe.
class Faults {
 public:
  explicit Faults(const Place& place) : place_(place) {}

  /// Whether this one is met now; it is then one less.
  bool take(std::string_view fault, std::string_view what);

 private:
  const Place& place_;
  std::mutex mutex_;
};

/// What Proxmox says in place of the deed; "" for a fault that has no such words.
std::string message_of(std::string_view fault, std::string_view id);

}  // namespace drover::pve_sim
