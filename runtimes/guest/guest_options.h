// What the node's configuration says of Proxmox guests.
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/ids.h"
#include "agent/system/file.h"
#include "runtimes/guest/guest_output.h"
#include "runtimes/log_rotation.h"

namespace drover::runtimes {

struct GuestOptions {
  std::string storage;                     ///< of root disks
  std::int64_t root_mib = 1024;            ///< size of a root disk
  Vmid first;                              ///< numbers that guests are given,
  Vmid last;                               ///< both ends included
  system::Path lxc_path = "/var/lib/lxc";  ///< where Proxmox keeps its guests' LXC state
  std::string default_bridge;              ///< "" for none
  std::string default_storage;             ///< of volumes that name none
  GuestOutputOptions output{};
  /// Of programs that jobs run inside; their files lie in `output.layout`.
  system::Path exec_program{};  ///< drover-exec
  LogBounds exec_log{};
};

}  // namespace drover::runtimes
