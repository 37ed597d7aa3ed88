#include <algorithm>
#include <utility>

#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/container_snapshots.h"
#include "agent/jobs/verbs/start_program.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

constexpr const char* kRollbackLook = "rollback.look";
constexpr const char* kRollback = "snapshot.rollback";
constexpr const char* kTell = "rollback.tell";

bool is_up(Status status) {
  return status == Status::running || status == Status::paused;
}

/// Whether the container's program is there to be ended, and started again afterwards. Decided
/// once: later runs of the job find it ended. A snapshot that is not there ends nobody's program.
Result<bool> look_before_rollback(Work& work, const Target& target, runtimes::Snapshots& source) {
  Step step{.name = kRollbackLook};
  step.act = [&]() -> Result<json::Value> {
    const std::string& wanted = work.request().options.snapshot;
    const std::vector<runtimes::Snapshot> all =
        TRY(source.list_snapshots(target.container(), work.stop()));
    std::string names;
    for (const runtimes::Snapshot& snapshot : all) {
      names += (names.empty() ? "" : ", ") + snapshot.name;
    }
    if (std::none_of(all.begin(), all.end(), [&](const auto& one) { return one.name == wanted; })) {
      return fail(Code::not_found, "container {} has no snapshot {}; it has {}", target.row.name,
                  wanted, names.empty() ? "none" : names);
    }
    const Result<runtimes::State> now = target.runtime->state(target.container(), work.stop());
    // Of what is stopped runc and crun know nothing any more after a reboot.
    if (!now && now.error().code != Code::not_found) {
      return Failure(now.error());
    }
    return json::Value(json::Object{{"running", now && is_up(now->status)}});
  };
  const json::Value found = TRY(work.once(step));
  return found.at("running").boolean_or(false);
}

/// Within the step its end is told, as that of a stop is.
Result<json::Value> roll_back_now(Work& work, const Target& target, runtimes::Snapshots& source,
                                  bool running) {
  if (running && is_up(target.row.status)) {
    TRY(note(work, target, Status::stopping));
  }
  // Half of a rollback is worth nothing: no cancel breaks it off.
  const Result<std::optional<Exit>> rolled =
      source.roll_back(target.container(), work.request().options.snapshot, work.agent_stop());
  if (!rolled) {
    // It may run on; the next look at it says.
    if (const auto state = target.runtime->state(target.container(), work.agent_stop())) {
      TRY(note(work, target, state->status, state->exit));
    }
    return Failure(rolled.error());
  }
  if (!running) {
    return json::Value();
  }
  // Of one that an earlier run has ended it is not known how.
  const Exit ended = rolled->value_or(Exit{});
  TRY(note(work, target, Status::stopped, ended));
  return to_json(ended);
}

/// The same as `bring_back` for a container whose root was taken down for it, which is mounted
/// again by the steps of a start.
Result<> bring_up(Work& job, const Node& node, const Target& target, bool ran) {
  const Result<runtimes::State> now = target.runtime->state(target.container(), job.agent_stop());
  const bool runs = now && now->status != Status::stopped && now->status != Status::created;
  if (!ran || runs) {
    return runs ? note(job, target, now->status) : Result<>();
  }
  const std::vector<StepRow> steps = TRY(job.steps(job.request().id.str()));
  for (const StepRow& step : steps) {
    const bool is_of_start =
        step.name != kRollbackLook && step.name != kRollback && step.name != kTell;
    if (is_of_start && step.state != StepState::undone) {
      TRY(job.step_undone(step));
    }
  }
  Target again = target;
  Work work = job.taking_back();
  return start_program(work, node, again, static_cast<std::int64_t>(steps.size()));
}

}  // namespace

Result<json::Value> rollback_container(Work& work, const Node& node) {
  Target target = TRY(find_target(work, node));
  runtimes::Snapshots* source = TRY(snapshots_of(work, target));
  const JobRequest& request = work.request();
  work.plan(3);
  const bool running = TRY(look_before_rollback(work, target, *source));
  if (running) {
    work.plan(3 + steps_to_start(target));
  }
  Step step{.name = kRollback, .subject = request.options.snapshot};
  step.act = [&] { return roll_back_now(work, target, *source, running); };
  step.needs = turn_of_root(node, *target.runtime);
  const json::Value ended = TRY(work.once(step));
  // A step of its own: one that fails does not roll back once more.
  Step tell{.name = kTell, .subject = request.options.snapshot};
  tell.act = [&]() -> Result<json::Value> {
    TRY(keep_snapshots(work, target, *source, "rolled_back", work.agent_stop()));
    return json::Value();
  };
  TRY(work.once(tell));
  json::Object result{{"container", request.target}, {"snapshot", request.options.snapshot}};
  if (running) {
    result.set("exit", ended);
    // With what was written of it: a start that mounts its root again writes down all of it.
    target = TRY(find_target(work, node));
    TRY(start_program(work, node, target, 3));
  }
  return json::Value(std::move(result));
}

Result<> undo_rollback(Work& work, const Node& node, const Target& target) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  const auto done = [&steps](std::string_view name) {
    return std::find_if(steps.begin(), steps.end(), [&](const StepRow& step) {
      return step.name == name && step.state == StepState::done;
    });
  };
  const auto looked = done(kRollbackLook);
  if (looked == steps.end()) {
    return {};
  }
  runtimes::Snapshots* source = TRY(snapshots_of(work, target));
  const json::Value before = TRY(json::parse(looked->data));
  const bool ran = before.at("running").boolean_or(false);
  const Result<> back = target.runtime->capabilities().provisions_itself
                            ? bring_back(work, target, ran)
                            : bring_up(work, node, target, ran);
  // It may have been rolled back before the job had to end.
  const auto& known = target.record.snapshots;
  const bool is_news =
      done(kRollback) != steps.end() && done(kTell) == steps.end() &&
      std::none_of(known.begin(), known.end(), [&](const runtimes::Snapshot& snapshot) {
        return snapshot.newest && snapshot.name == work.request().options.snapshot;
      });
  const Result<> kept =
      keep_snapshots(work, target, *source, is_news ? "rolled_back" : "", work.agent_stop());
  return back ? kept : back;
}

}  // namespace drover::jobs
