// What CRIU does to a network namespace while it writes the processes in it.
//
// It lets nothing through but its own packets, by rules of iptables and ip6tables in a chain CRIU
// (iptables_network_lock_internal of CRIU 3.17, net.c), so that no connection is told that its peer
// is gone. It takes them out again, but not where the processes ended by it, nor where it was
// killed; and a restore, which makes them once more, fails to take out two.
#pragma once

#include "agent/system/file.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

/// Takes such rules out of the network namespace that is pinned at `netns`. None there, and no such
/// namespace, is success.
Result<> unlock_network(const system::Path& netns, const system::Stop& stop);

}  // namespace drover::runtimes
