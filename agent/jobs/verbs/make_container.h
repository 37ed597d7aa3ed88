// Making a container: everything it needs on the node, step by step.
#pragma once

#include "agent/jobs/node.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

/// Makes the container of the job's spec, and with `start` starts it.
Result<json::Value> make_container(Work& work, const Node& node, bool start);

/// Takes back all that a failed making has made; then the container is gone. What cannot be taken
/// back stays in the journal with status `unknown`, for `drover rm` to try again.
Result<> unmake_container(Work& work, const Node& node);
/// Of one whose runtime cannot be asked what it has made: whoever collects leaks takes it back
/// later.
Result<> leave_unmade(Work& work, const Error& why);

}  // namespace drover::jobs
