#include "agent/jobs/journal/kept_log.h"
#include "agent/jobs/target.h"
#include "agent/jobs/undo.h"
#include "agent/jobs/verbs/verbs.h"
#include "agent/system/log.h"

namespace drover::jobs {

Result<json::Value> delete_container(Work& work, const Node& node) {
  const Result<Target> found = find_target(work, node);
  if (!found) {
    if (found.error().code == Code::not_found && work.resumed()) {
      return json::Value();
    }
    return Failure(found.error());
  }
  const Target& target = *found;
  if (!work.request().options.force && !work.resumed()) {
    const Result<runtimes::State> state = target.runtime->state(target.container(), work.stop());
    if (!state && state.error().code != Code::not_found) {
      return Failure(state.error());
    }
    if (state && (state->status == Status::running || state->status == Status::paused)) {
      return fail(
          Code::conflict,
          "delete container {}: it is {}; stop it first (container.stop), or delete it with force",
          target.row.name, to_string(state->status));
    }
  }
  const std::vector<StepRow> steps = TRY(work.steps(target.row.job));
  work.plan(static_cast<std::int64_t>(steps.size()));
  TRY(want(work, target, Wanted::gone));
  TRY(note(work, target, Status::deleting));
  const Result<> undone = undo_all(work, node, target.record, work.stop());
  if (!undone) {
    TRY(note(work, target, Status::unknown));
    if (work.stop().requested()) {
      return fail(Code::unavailable,
                  "container {} is half gone: the rest goes with the next container.delete, which "
                  "the node sends itself in a while unless reconcile.collect is false",
                  target.row.name);
    }
    return Failure(undone.error());
  }
  const auto kept = remember(node, target.row, work.clock().unix_ms());
  if (!kept) {
    system::log_warning("keep the log of container {}: {}", target.row.name, kept.error().message);
  }
  TRY(work.erase_container(target.row.name, kept ? *kept : std::nullopt));
  return json::Value();
}

}  // namespace drover::jobs
