#include <algorithm>

#include "agent/jobs/journal/kept_log.h"
#include "agent/jobs/status_change.h"
#include "agent/jobs/target.h"
#include "agent/jobs/undo.h"
#include "agent/jobs/verbs/verbs.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

/// Whether all that it runs with is there. The undo of a start takes nothing away; and a runtime
/// that provisions itself has taken away all of it or nothing.
Result<bool> is_whole(Work& work, const Target& target) {
  const bool of_one_piece = target.runtime->capabilities().provisions_itself;
  const std::vector<StepRow> steps = TRY(work.steps(target.row.job));
  return std::none_of(steps.begin(), steps.end(), [of_one_piece](const StepRow& step) {
    const bool is_part =
        of_one_piece ? step.name == "runtime.create" : step.name != "runtime.start";
    return is_part && step.state == StepState::undone;
  });
}

/// Asked in each run of the job: somebody else may have started it since the last.
Result<> check(Work& work, const Target& target) {
  if (work.request().options.force || !TRY(is_whole(work, target))) {
    return {};
  }
  const Result<runtimes::State> state = target.runtime->state(target.container(), work.stop());
  if (!state) {
    return state.error().code == Code::not_found ? Result<>() : Failure(state.error());
  }
  if (state->status != Status::running && state->status != Status::paused) {
    return {};
  }
  if (target.row.wanted == Wanted::gone) {
    TRY(want(work, target, Wanted::running));
    TRY(note(work, target, state->status));
  }
  return fail(
      Code::conflict,
      "delete container {}: it is {}; stop it first (container.stop), or delete it with force",
      target.row.name, to_string(state->status));
}

/// From here on it goes, by this job or another, and no cancel is taken (Intake::cancel). One that
/// was taken before still counts.
Result<> condemn(Work& work, const Target& target) {
  const std::string job = work.request().id.str();
  return work.write([&](Books& books) -> Result<> {
    const std::optional<JobRow> asked = TRY(books.journal().job(job));
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    if (asked && !asked->ending.empty()) {
      return fail(Code::cancelled, "delete container {}: {}", target.row.name, asked->ending);
    }
    if (!row) {
      return {};
    }
    row->wanted = Wanted::gone;
    TRY(books.journal().put_container(*row));
    return note_status(books, target.row.name, Status::deleting, std::nullopt, job);
  });
}

Result<> strike_off(Work& work, const Node& node, const Target& target) {
  const auto kept = remember(node, target.row, work.clock().unix_ms());
  if (!kept) {
    system::log_warning("keep the log of container {}: {}", target.row.name, kept.error().message);
  }
  return work.erase_container(target.row.name, kept ? *kept : std::nullopt);
}

}  // namespace

Result<json::Value> delete_container(Work& work, const Node& node) {
  const Result<Target> found = find_target(work, node);
  if (!found) {
    if (found.error().code == Code::not_found && work.resumed()) {
      return json::Value();
    }
    return Failure(found.error());
  }
  const Target& target = *found;
  const std::vector<StepRow> steps = TRY(work.steps(target.row.job));
  work.plan(static_cast<std::int64_t>(steps.size()));
  TRY(check(work, target));
  TRY(condemn(work, target));
  TRY(undo_all(work, node, target.record, work.agent_stop()));
  TRY(strike_off(work, node, target));
  return json::Value();
}

Result<> undo_delete(Work& work, const Target& target) {
  return target.row.status == Status::deleting ? note(work, target, Status::unknown) : Result<>();
}

}  // namespace drover::jobs
