// Making a container: everything it needs on the node, step by step.
#pragma once

#include "agent/jobs/node.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

/// Makes the container of the job's spec, and with `start` starts it. When it fails, all that was
/// made is taken back and the container is gone; what could not be taken back stays in the journal
/// with status `unknown`, for `drover rm` to try again.
Result<json::Value> make_container(Work& work, const Node& node, bool start);

/// How an interrupted job of this kind ends: as succeeded when it had come to its end, else with
/// all of it taken back.
Result<json::Value> finish_making(Work& work, const Node& node, bool start);

}  // namespace drover::jobs
