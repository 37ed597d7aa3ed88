// Retry: when a job that failed as unavailable is tried again.
#pragma once

#include <chrono>

#include "agent/core/error.h"
#include "agent/core/job.h"

namespace drover::jobs {

constexpr std::chrono::seconds kLongestRetryDelay{30};

/// How long to wait before the next attempt after `attempt` ones: a random part of 1 s doubled with
/// each attempt, at most `kLongestRetryDelay` ("full jitter": jobs that failed together do not come
/// back together), but a sixteenth of it at least: nothing changes within no time. `draw` is from
/// [0, 1).
std::chrono::milliseconds retry_delay(std::int64_t attempt, double draw);

/// Whether a job that failed with `error` in this attempt is tried again. An outcome that is not
/// known is never `unavailable`: whoever sent the request has looked before it says so.
bool is_retried(const JobRequest& request, std::int64_t attempt, const Error& error);

}  // namespace drover::jobs
