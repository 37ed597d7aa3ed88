// container.checkpoint: a container's processes to the disk. container.restore: and back.
#include <algorithm>

#include "agent/jobs/verbs/start_program.h"
#include "agent/jobs/verbs/stop_program.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

constexpr const char* kCheckpoint = "runtime.checkpoint";
constexpr const char* kForget = "checkpoint.forget";

/// `refused` when there is none. Intake has refused the job already, unless the container was made
/// while it waited.
Result<runtimes::Checkpoints*> checkpoints_of(const Work& work, const Target& target) {
  runtimes::Checkpoints* const source = target.runtime->checkpoints();
  if (source == nullptr) {
    return fail(Code::refused, "{} {}: runtime {} cannot: {}", to_string(work.request().verb),
                target.row.name, target.row.runtime, target.runtime->capabilities().no_checkpoints);
  }
  return source;
}

/// Of one that is about to end by its checkpoint no policy restarts anything.
Result<> let_go_down(Work& work, const Target& target) {
  const runtimes::State now = TRY(target.runtime->state(target.container(), work.stop()));
  if (now.status != Status::running) {
    return fail(Code::conflict, "checkpoint container {}: it is {}", target.row.name,
                to_string(now.status));
  }
  TRY(want(work, target, Wanted::stopped));
  return note(work, target, Status::stopping);
}

Result<> note_as_it_is(Work& work, const Target& target) {
  const runtimes::State now = TRY(target.runtime->state(target.container(), work.agent_stop()));
  return note(work, target, now.status, now.exit);
}

bool has_begun(const std::vector<StepRow>& steps, std::string_view name) {
  return std::any_of(steps.begin(), steps.end(), [name](const StepRow& step) {
    return step.name == name && step.state != StepState::undone;
  });
}

}  // namespace

Result<json::Value> checkpoint_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  runtimes::Checkpoints* const source = TRY(checkpoints_of(work, target));
  const JobRequest& request = work.request();
  const runtimes::CheckpointWish wish{request.options.leave_running,
                                      request.options.tcp_established, request.options.file_locks};
  work.plan(1);
  // CRIU that is killed in the middle leaves processes frozen: no cancel breaks it off.
  Step write{.name = kCheckpoint};
  write.act = [&]() -> Result<json::Value> {
    if (!wish.leave_running) {
      TRY(let_go_down(work, target));
    }
    const runtimes::Checkpoint made =
        TRY(source->checkpoint(target.container(), wish, request.id, work.agent_stop()));
    return json::Value(runtimes::to_json(made));
  };
  write.find = [&]() -> Result<std::optional<json::Value>> {
    const std::optional<runtimes::Checkpoint> made =
        TRY(source->made_by(target.container(), request.id, work.agent_stop()));
    return made ? std::optional(json::Value(runtimes::to_json(*made))) : std::nullopt;
  };
  write.clear = [&] { return source->give_up(target.container(), work.agent_stop()); };
  const json::Value made = TRY(work.once(write));
  TRY(note_as_it_is(work, target));
  json::Object result{{"container", target.row.name}};
  for (const char* key : {"at", "bytes", "left_running"}) {
    result.set(key, made.at(key));
  }
  return json::Value(std::move(result));
}

Result<> undo_checkpoint(Work& work, const Target& target) {
  runtimes::Checkpoints* const source = target.runtime->checkpoints();
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  if (source == nullptr || !has_begun(steps, kCheckpoint)) {
    return {};
  }
  // What it has ended stays so, as after a stop.
  if (!TRY(source->made_by(target.container(), work.request().id, work.agent_stop()))) {
    TRY(source->give_up(target.container(), work.agent_stop()));
  }
  return undo_stop(work, target);
}

Result<json::Value> restore_container(Work& work, const Node& node) {
  Target target = TRY(find_target(work, node));
  runtimes::Checkpoints* const source = TRY(checkpoints_of(work, target));
  TRY(restore_program(work, node, target, *source));
  // Files have gone on since: to restore it twice would give programs others than they remember.
  TRY(work.once({.name = kForget, .act = [&]() -> Result<json::Value> {
                   TRY(source->forget(target.container()));
                   return json::Value();
                 }}));
  return json::Value(json::Object{{"container", target.row.name}});
}

Result<> undo_restore(Work& work, const Target& target) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  runtimes::Checkpoints* const source = target.runtime->checkpoints();
  if (source != nullptr && has_begun(steps, kRestoreStep)) {
    if (TRY(source->has_restored(target.container(), work.agent_stop()))) {
      TRY(source->forget(target.container()));
    }
    TRY(note_as_it_is(work, target));
  }
  return give_wish_back(work, target);
}

}  // namespace drover::jobs
