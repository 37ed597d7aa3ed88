#include "agent/jobs/verbs/stop_program.h"

#include <csignal>
#include <utility>

namespace drover::jobs {
namespace {

bool has_program(Status status) {
  return status == Status::running || status == Status::paused;
}

/// Within the step, and not around it: a later run of the job, which finds the step done, may find
/// the container running again.
Result<Exit> stop_now(Work& work, const Target& target, std::chrono::seconds grace, bool wished) {
  const runtimes::Container& container = target.container();
  if (wished) {
    TRY(want(work, target, Wanted::stopped));
  }
  if (has_program(target.row.status)) {
    TRY(note(work, target, Status::stopping));
  }
  Result<Exit> stopped =
      target.runtime->stop(container, stop_signal_of(container), grace, work.stop());
  if (!stopped && stopped.error().code == Code::not_found && target.row.status == Status::backoff) {
    // A reboot has come in between; that it is not started again is what matters.
    stopped = target.row.exit.value_or(Exit{});
  }
  const Exit ended = TRY(std::move(stopped));
  TRY(note(work, target, Status::stopped, ended));
  return ended;
}

Result<json::Value> stop_once(Work& work, const Target& target,
                              const std::function<Result<json::Value>()>& act) {
  Result<json::Value> stopped = work.once({.name = "runtime.stop", .act = act});
  if (!stopped) {
    // It may run on; the next look at it says.
    if (const auto state = target.runtime->state(target.container(), work.agent_stop())) {
      TRY(note(work, target, state->status, state->exit));
    }
  }
  return stopped;
}

}  // namespace

int stop_signal_of(const runtimes::Container& container) {
  if (container.spec.stop_signal != 0) {
    return container.spec.stop_signal;
  }
  return signal_from(container.image.stop_signal).value_or(SIGTERM);
}

std::chrono::seconds grace_of(const JobRequest& request, const runtimes::Container& container) {
  return request.options.grace_s ? std::chrono::seconds(*request.options.grace_s)
                                 : container.spec.stop_grace;
}

Result<Exit> stop_program(Work& work, const Target& target, std::chrono::seconds grace,
                          bool wished) {
  const json::Value ended = TRY(stop_once(work, target, [&]() -> Result<json::Value> {
    const Exit exit = TRY(stop_now(work, target, grace, wished));
    return to_json(exit);
  }));
  return exit_from_json(ended);
}

Result<std::optional<Exit>> stop_started_program(Work& work, const Target& target,
                                                 std::chrono::seconds grace) {
  const json::Value ended = TRY(stop_once(work, target, [&]() -> Result<json::Value> {
    const Result<runtimes::State> now = target.runtime->state(target.container(), work.stop());
    if (!now && now.error().code != Code::not_found) {
      return Failure(now.error());
    }
    if (!now || now->status == Status::created) {
      return json::Value();
    }
    const Exit exit = TRY(stop_now(work, target, grace, true));
    return to_json(exit);
  }));
  return ended.is_null() ? std::nullopt : std::optional(exit_from_json(ended));
}

}  // namespace drover::jobs
