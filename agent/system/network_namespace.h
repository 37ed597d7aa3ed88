// Network namespaces (network_namespaces(7)) that live as long as they are pinned.
#pragma once

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::system {

/// Makes one that belongs to the caller's users, its loopback up, and pins it at `place`, a file
/// that is made: as ip-netns(8) does it with three programs. `conflict` when something stands
/// there, `unavailable` when the kernel makes no more of them. Any thread.
Result<> make_pinned_network_namespace(const Path& place);

}  // namespace drover::system
