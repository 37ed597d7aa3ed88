// Job: one request to change one thing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/container_spec.h"
#include "agent/core/ids.h"
#include "agent/core/json.h"

namespace drover {

enum class Verb {
  container_run,  ///< create and start
  container_create,
  container_start,
  container_stop,  ///< signal, grace, SIGKILL
  container_kill,  ///< one signal
  container_pause,
  container_resume,
  container_exec,
  container_delete,
  job_cancel,  ///< its target is a job's id
};

std::string_view to_string(Verb verb);
std::optional<Verb> verb_from(std::string_view name);

enum class JobState { queued, running, succeeded, failed, cancelled };

std::string_view to_string(JobState state);
std::optional<JobState> job_state_from(std::string_view name);
constexpr bool is_final(JobState state) {
  return state == JobState::succeeded || state == JobState::failed || state == JobState::cancelled;
}

/// What container.stop, container.kill, container.exec and container.delete may say besides their
/// target. Which members a verb takes is checked when the request is read.
struct JobOptions {
  std::optional<std::int64_t> grace_s;  ///< stop: seconds before SIGKILL; none: the container's own
  int signal = 0;                       ///< kill: 1 to 64
  bool force = false;                   ///< delete: also when it runs
  std::vector<std::string> command;     ///< exec
  std::map<std::string, std::string> env;  ///< exec: added to the container's own
  std::string cwd;                         ///< exec: "" for the container's own
};

struct JobRequest {
  JobId id;  ///< the idempotency key
  Verb verb;
  std::string target;                 ///< container name, or the job's id for job.cancel
  std::optional<ContainerSpec> spec;  ///< container.run and container.create
  JobOptions options;
  std::int64_t deadline_unix_ms = 0;  ///< 0: none
};

/// Reads {"id", "verb", "target", "spec" | "options", "deadline"}. All faults are reported at once,
/// as `invalid`, each with its JSON pointer.
Result<JobRequest> read_job(const json::Value& body);
json::Value to_json(const JobRequest& request);

}  // namespace drover
