// Views: jobs and containers as answers show them (docs/protocol.md).
#pragma once

#include "agent/jobs/journal/journal.h"
#include "runtimes/layout.h"

namespace drover::jobs {

json::Object job_view(const JobRow& row);
json::Array steps_view(const std::vector<StepRow>& steps);
/// `restarts` is there for a container that has a restart policy, and `health` for one that is
/// probed. Reads the container's pid file when it runs. `with_spec` adds the whole spec.
Result<json::Object> container_view(const ContainerRow& row, const runtimes::Layout& layout,
                                    bool with_spec);

}  // namespace drover::jobs
