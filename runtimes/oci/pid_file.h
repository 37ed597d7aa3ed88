// Pid files, as conmon and the runtimes write them.
#pragma once

#include <sys/types.h>

#include "agent/system/file.h"

namespace drover::runtimes {

/// 0 when the file is not there or holds no number. The process may have ended, and the number be
/// another's by now.
pid_t pid_in(const system::Path& file);

}  // namespace drover::runtimes
