// drover-exec's part of run_inside.h.
#pragma once

#include "agent/system/file.h"

namespace drover::exec {

/// Runs what `plan` says inside an LXC container, with this process's own streams, and gives its
/// exit code. Why it could not be begun it says to runtimes::kInsideAnswer.
int be_inside(const system::Path& plan);

}  // namespace drover::exec
