// The names that snapshots of containers can have.
#pragma once

#include <string_view>

#include "agent/core/result.h"

namespace drover {

/// 2 to 40 of letters, digits, '_' and '-', a letter first: Proxmox takes no others, and keeps
/// "current" and "vzdump" for itself. So it is on every runtime.
Result<> check_snapshot_name(std::string_view name);

}  // namespace drover
