// boot_id: tells one boot of the machine from another.
#pragma once

#include <string>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::system {

/// The kernel's own name for this boot, a UUID in text (random(4)). The same in every container of
/// the machine. `broken` when `file` does not hold one.
Result<std::string> boot_id(const Path& file = "/proc/sys/kernel/random/boot_id");

}  // namespace drover::system
