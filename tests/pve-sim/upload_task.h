// The task "imgcopy": what was uploaded becomes a template.
#pragma once

#include "tests/pve-sim/tasks.h"

namespace drover::pve_sim {

/// Details: the file `from`, which goes, `to`, and where they are not "" `checksum` and
/// `algorithm`.
Result<> take_upload(const TaskRequest& request, const TaskLog& log);

}  // namespace drover::pve_sim
