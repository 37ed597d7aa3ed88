// Views: jobs and containers as answers show them (docs/queries.md).
#pragma once

#include <optional>
#include <string>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "runtimes/layout.h"

namespace drover::jobs {

json::Object job_view(const JobRow& row);
json::Array steps_view(const std::vector<StepRow>& steps);
/// `restarts` is there for a container that has a restart policy, and `health` for one that is
/// probed. Reads the container's pid file when it runs. `with_spec` adds the whole spec.
Result<json::Object> container_view(const ContainerRow& row, const runtimes::Layout& layout,
                                    bool with_spec);

/// Which runtime a container of this name gets, and by which rule: `wish`, of its spec, before all.
json::Object routing_view(const Node& node, const std::string& name,
                          std::optional<RuntimeKind> wish = std::nullopt);

}  // namespace drover::jobs
