// Exit files: how a container ended, as its monitor has left it.
#pragma once

#include "agent/core/container_status.h"
#include "agent/system/file.h"

namespace drover::runtimes {

/// The decimal code in the file with the time it was written. A file that is missing, or does not
/// hold a code from 0 to 255, gives an exit without a code: it is not known, and never 0.
Exit read_exit_file(const system::Path& path);

}  // namespace drover::runtimes
