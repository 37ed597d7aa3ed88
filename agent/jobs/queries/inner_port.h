// InnerPort: a TCP port of a program inside a container.
#pragma once

#include <cstdint>

#include "agent/system/stop.h"
#include "agent/system/unique_fd.h"
#include "runtimes/runtime.h"

namespace drover::jobs {

/// A connection to the port on loopback (127.0.0.1, or else ::1) in the container's own network, so
/// that a program that listens nowhere else is reached, too. It does not block, and may not be
/// established yet: then it is writable once it is, or has failed (SO_ERROR). `conflict` when
/// nobody listens; `refused` where the container has the node's own network; `not_found` when it
/// has none. For a worker: may take half a second.
Result<system::UniqueFd> connect_to_port(const runtimes::Container& container,
                                         runtimes::Runtime& runtime, std::uint16_t port,
                                         const system::Stop& stop);

}  // namespace drover::jobs
