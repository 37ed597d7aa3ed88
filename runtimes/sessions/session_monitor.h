// The monitor of one program that a job runs inside a container: drover-exec after it has detached
// itself.
#pragma once

#include "agent/system/detached.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::exec {

/// Begins what the plan in `folder` says and stays until it has ended, with its output in the log
/// and its outcome in the folder. `listener` is the session's socket.
void run_session(const system::Path& folder, system::UniqueFd listener,
                 const system::Started& started);

}  // namespace drover::exec
