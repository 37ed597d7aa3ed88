// Job: one request to change one thing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/container_spec.h"
#include "agent/core/ids.h"
#include "agent/core/job_options.h"
#include "agent/core/json.h"
#include "agent/core/verb.h"

namespace drover {

enum class JobState { queued, running, succeeded, failed, cancelled };

std::string_view to_string(JobState state);
std::optional<JobState> job_state_from(std::string_view name);
constexpr bool is_final(JobState state) {
  return state == JobState::succeeded || state == JobState::failed || state == JobState::cancelled;
}

inline constexpr std::int64_t kDefaultPriority = 50;
/// Three retries: with the supervisor's back-off about ten seconds in which a busy storage may
/// become free.
inline constexpr std::int64_t kDefaultAttempts = 4;

struct JobRequest {
  JobId id;  ///< the idempotency key
  Verb verb;
  std::string target;                 ///< what kind of thing it names says target_kind_of(verb)
  std::optional<ContainerSpec> spec;  ///< container.run and .create; as is wished container.adopt
  JobOptions options;
  std::int64_t deadline_unix_ms = 0;         ///< 0: none
  std::int64_t priority = kDefaultPriority;  ///< 0 to 100; of jobs that wait the higher goes first
  std::int64_t attempts = kDefaultAttempts;  ///< 1 to 20, the first included
};

/// Reads {"id", "verb", "target", "spec" | "options", "deadline", "priority", "attempts"}. All
/// faults are reported at once, as `invalid`, each with its JSON pointer.
Result<JobRequest> read_job(const json::Value& body);
json::Value to_json(const JobRequest& request);

}  // namespace drover
