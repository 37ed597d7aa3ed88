#include "agent/jobs/verbs/stop_program.h"

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
      target.runtime->stop(container, stop_signal_of(target), grace, work.stop());
  if (!stopped && stopped.error().code == Code::not_found && target.row.status == Status::backoff) {
    // A reboot has come in between; that it is not started again is what matters.
    stopped = target.row.exit.value_or(Exit{});
  }
  const Exit ended = TRY(std::move(stopped));
  TRY(note(work, target, Status::stopped, ended));
  return ended;
}

/// Its state as the runtime has it; none for one that was never started.
Result<std::optional<runtimes::State>> state_if_started(const Work& work, const Target& target) {
  runtimes::State state = TRY(target.runtime->state(target.container(), work.stop()));
  return state.status == Status::created ? std::nullopt : std::optional(std::move(state));
}

/// Of one that its policy was to start it is left how it had ended before.
Result<json::Value> leave_unstarted(Work& work, const Target& target, bool wished) {
  if (wished) {
    TRY(want(work, target, Wanted::stopped));
  }
  if (target.row.status != Status::created && target.row.status != Status::stopped) {
    TRY(note(work, target, Status::stopped, target.row.exit));
  }
  return target.row.exit ? to_json(*target.row.exit) : json::Value();
}

Result<std::optional<Exit>> stop_once(Work& work, const Target& target,
                                      const std::function<Result<json::Value>()>& act) {
  const Result<json::Value> stopped = work.once({.name = "runtime.stop", .act = act});
  if (!stopped) {
    // It may run on; the next look at it says.
    if (const auto state = target.runtime->state(target.container(), work.agent_stop())) {
      TRY(note(work, target, state->status, state->exit));
    }
    return Failure(stopped.error());
  }
  return stopped->is_null() ? std::nullopt : std::optional(exit_from_json(*stopped));
}

}  // namespace

int stop_signal_of(const Target& target) {
  const runtimes::Container& container = target.container();
  if (container.spec.stop_signal != 0) {
    return container.spec.stop_signal;
  }
  const std::optional<int> of_image = signal_from(container.image.stop_signal);
  return of_image ? *of_image : target.runtime->usual_stop_signal(container);
}

std::chrono::seconds grace_of(const JobRequest& request, const runtimes::Container& container) {
  return request.options.grace_s ? std::chrono::seconds(*request.options.grace_s)
                                 : container.spec.stop_grace;
}

Result<std::optional<Exit>> stop_program(Work& work, const Target& target,
                                         std::chrono::seconds grace, bool wished) {
  return stop_once(work, target, [&]() -> Result<json::Value> {
    const auto state = state_if_started(work, target);
    if (state && !*state) {
      return leave_unstarted(work, target, wished);
    }
    const Exit exit = TRY(stop_now(work, target, grace, wished));
    return to_json(exit);
  });
}

Result<std::optional<Exit>> stop_started_program(Work& work, const Target& target,
                                                 std::chrono::seconds grace) {
  return stop_once(work, target, [&]() -> Result<json::Value> {
    const auto state = state_if_started(work, target);
    if (!state && state.error().code != Code::not_found) {
      return Failure(state.error());
    }
    if (!state || !*state) {
      return json::Value();
    }
    // Nobody wishes it down: with a policy it comes back also when this job does not come so far.
    const Exit exit = TRY(stop_now(work, target, grace, false));
    return to_json(exit);
  });
}

Result<> undo_stop(Work& work, const Target& target) {
  const bool is_wished = target.row.wanted == Wanted::stopped;
  const bool is_stopping = target.row.status == Status::stopping;
  if (!is_stopping && !is_wished) {
    return {};
  }
  const auto state = target.runtime->state(target.container(), work.agent_stop());
  if (is_wished && (state ? has_program(state->status) : is_stopping)) {
    TRY(want(work, target, Wanted::running));
  }
  if (!is_stopping) {
    return {};
  }
  // One that does not answer is unknown, and looked at again, as all are.
  return state ? note(work, target, state->status, state->exit)
               : note(work, target, Status::unknown);
}

Result<> end_program(Work& work, const Target& target, std::chrono::seconds grace) {
  const runtimes::Container& container = target.container();
  const Exit ended =
      TRY(target.runtime->stop(container, stop_signal_of(target), grace, work.agent_stop()));
  return note(work, target, Status::stopped, ended);
}

}  // namespace drover::jobs
