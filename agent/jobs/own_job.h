// OwnJob: jobs that the agent makes itself, through Intake::submit_own.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/job.h"
#include "agent/system/clock.h"

namespace drover::jobs {

// Who has made them (JobRow::made_by).

/// container.start of one that is in back-off. It starts nothing that has left back-off meanwhile.
inline constexpr std::string_view kByRestartPolicy = "restart policy";

/// container.stop of one that a probe, whose name is behind, has found unhealthy. It leaves what
/// the container is wanted to be as it is, so that its restart policy applies.
inline constexpr std::string_view kByProbe = "probe ";

/// container.stop of a singleton that has lost its claim; the same.
inline constexpr std::string_view kByClaim = "claim lost";

/// With an id of its own, dated by `clock`.
Result<JobRequest> own_job(system::Clock& clock, Verb verb, const std::string& target);

}  // namespace drover::jobs
