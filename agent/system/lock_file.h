// lock_file: only one process at a time has what a file stands for.
#pragma once

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

/// Takes the lock of `path`, which is made when it is missing, for as long as this process lives or
/// the descriptor is open. `conflict` when another process has it, naming that.
///
/// It is a record lock (fcntl(2), F_SETLK), which belongs to the process alone. One of flock(2) is
/// shared by every child between its fork and its exec, so that a process that was killed there
/// would still have it for a moment. The price: closing any other descriptor of the file gives the
/// lock up, so nobody else may open it.
Result<UniqueFd> lock_file(const Path& path);

}  // namespace drover::system
