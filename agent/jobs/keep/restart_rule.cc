#include "agent/jobs/keep/restart_rule.h"

#include <algorithm>

namespace drover::jobs {

bool is_restarted(const RestartPolicy& policy, const ProgramEnd& end) {
  using enum RestartPolicy::When;
  if (policy.when == never) {
    return false;
  }
  if (end.with_node) {
    return policy.when == always;
  }
  if (end.unhealthy) {
    return true;
  }
  const std::optional<int> code = end.exit ? end.exit->code : std::nullopt;
  const std::vector<int>& exempt = policy.exempt_codes;
  if (code && std::find(exempt.begin(), exempt.end(), *code) != exempt.end()) {
    return false;
  }
  return policy.when == always || code != 0;
}

bool is_spent(const RestartPolicy& policy, std::int64_t in_row) {
  return policy.max_attempts != 0 && in_row >= policy.max_attempts;
}

std::chrono::milliseconds restart_delay(std::int64_t in_row, double draw) {
  constexpr std::int64_t kFirstMs = 1000;
  constexpr std::int64_t kMostMs = 60'000;
  constexpr std::int64_t kMostDoublings = 6;
  constexpr double kJitter = 0.25;
  const std::int64_t doublings = std::clamp<std::int64_t>(in_row, 0, kMostDoublings);
  const auto most = static_cast<double>(std::min(kMostMs, kFirstMs << doublings));
  return std::chrono::milliseconds(static_cast<std::int64_t>(most - draw * kJitter * most));
}

}  // namespace drover::jobs
