// The SHA-256 of files of any size.
#pragma once

#include <string>

#include "agent/core/result.h"
#include "agent/system/stop.h"

namespace drover::proxmox {

/// Of the open file's content from its begin, as 64 digits 0-9a-f. It is read piece by piece, and
/// the descriptor's position stays. `cancelled` soon after `stop`.
Result<std::string> sha256_of(int file, const system::Stop& stop);

/// The same of the regular file at `path`, whose last part is no link; it waits for no pipe's other
/// end. `not_found` when there is none.
Result<std::string> sha256_of_path(const std::string& path, const system::Stop& stop);

}  // namespace drover::proxmox
