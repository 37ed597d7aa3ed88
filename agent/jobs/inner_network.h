// Where a container's network can be entered.
#pragma once

#include "agent/system/file.h"
#include "agent/system/stop.h"
#include "runtimes/runtime.h"

namespace drover::jobs {

/// The file of its network namespace: of a guest, whose namespace Proxmox makes itself, that of its
/// first process. `not_found` when it has none. Any thread; asks the runtime about a guest.
Result<system::Path> inner_network(const runtimes::Container& container, runtimes::Runtime& runtime,
                                   const system::Stop& stop);

}  // namespace drover::jobs
