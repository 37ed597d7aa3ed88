// Capacity: what the node has for containers, and what of it they have been given.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/jobs/journal/journal.h"

namespace drover::jobs {

/// {"total":{"cpus","memory_mib"},"reserved":{"cpus","memory_mib"}}. Reserved is what the limits of
/// all containers allow that have not stopped. One without a limit counts as `default_memory_mib`,
/// and as no CPU: it takes only what others leave.
Result<json::Object> capacity_view(const std::vector<ContainerRow>& rows,
                                   std::int64_t default_memory_mib);

}  // namespace drover::jobs
