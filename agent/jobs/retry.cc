#include "agent/jobs/retry.h"

#include <algorithm>

namespace drover::jobs {

std::chrono::milliseconds retry_delay(std::int64_t attempt, double draw) {
  constexpr std::int64_t kFirstMs = 1000;
  constexpr std::int64_t kMostMs = std::chrono::milliseconds(kLongestRetryDelay).count();
  constexpr std::int64_t kLeastPart = 16;
  constexpr std::int64_t kMostDoublings = 5;
  const std::int64_t doublings = std::clamp<std::int64_t>(attempt - 1, 0, kMostDoublings);
  const std::int64_t most = std::min(kMostMs, kFirstMs << doublings);
  const std::int64_t least = most / kLeastPart;
  return std::chrono::milliseconds(
      least + static_cast<std::int64_t>(draw * static_cast<double>(most - least)));
}

bool is_retried(const JobRequest& request, std::int64_t attempt, const Error& error) {
  return error.code == Code::unavailable && may_be_retried(request.verb) &&
         attempt < request.attempts;
}

}  // namespace drover::jobs
