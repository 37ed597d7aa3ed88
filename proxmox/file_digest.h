// The SHA-256 of files of any size.
#pragma once

#include <string>

#include "agent/core/result.h"
#include "agent/system/stop.h"

namespace drover::proxmox {

/// Of the open file's content from its begin, as 64 digits 0-9a-f. It is read piece by piece, and
/// the descriptor's position stays. `cancelled` soon after `stop`.
Result<std::string> sha256_of(int file, const system::Stop& stop);

}  // namespace drover::proxmox
