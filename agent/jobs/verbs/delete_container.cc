#include <algorithm>

#include "agent/jobs/journal/kept_log.h"
#include "agent/jobs/status_change.h"
#include "agent/jobs/target.h"
#include "agent/jobs/undo.h"
#include "agent/jobs/verbs/verbs.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

constexpr const char* kCheck = "delete.check";

/// Whether it may go, decided once: a later run of the job finds it in another state. Returns what
/// the container was wanted to be.
Result<json::Value> check(Work& work, const Target& target) {
  if (!work.request().options.force) {
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
  return json::Value(json::Object{{"wanted", to_string(target.row.wanted)}});
}

/// From here on it goes, by this job or another.
Result<> condemn(Work& work, const Target& target) {
  TRY(work.stop().check("delete container " + target.row.name));
  return work.write([&](Books& books) -> Result<> {
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    if (!row) {
      return {};
    }
    row->wanted = Wanted::gone;
    TRY(books.journal().put_container(*row));
    return note_status(books, target.row.name, Status::deleting, std::nullopt,
                       work.request().id.str());
  });
}

/// Whether all that was made for it is there. The undo of a start takes nothing away.
Result<bool> is_whole(Work& work, const Target& target) {
  const std::vector<StepRow> steps = TRY(work.steps(target.row.job));
  return std::none_of(steps.begin(), steps.end(), [](const StepRow& step) {
    return step.state == StepState::undone && step.name != "runtime.start";
  });
}

/// Of a deletion that has ended in the middle: the container is what it was while nothing of it was
/// taken away. What was begun goes on with the next deletion. Returns whether it is whole.
Result<bool> leave(Work& work, const Target& target, Wanted before) {
  const auto state = target.runtime->state(target.container(), work.agent_stop());
  const bool lives = state && state->status != Status::deleting && TRY(is_whole(work, target));
  if (!lives) {
    TRY(note(work, target, Status::unknown));
    return false;
  }
  TRY(want(work, target, before));
  TRY(note(work, target, state->status, state->exit));
  return true;
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
  work.plan(1 + static_cast<std::int64_t>(steps.size()));
  const json::Value checked =
      TRY(work.once({.name = kCheck, .act = [&] { return check(work, target); }}));
  TRY(condemn(work, target));
  const Result<> undone = undo_all(work, node, target.record, work.stop());
  if (undone) {
    TRY(strike_off(work, node, target));
    return json::Value();
  }
  if (work.agent_stop().requested()) {
    return Failure(undone.error());
  }
  const Wanted before = wanted_from(checked.at("wanted").string_or(to_string(Wanted::gone)));
  const bool whole = TRY(leave(work, target, before));
  if (!work.stop().requested()) {
    return Failure(undone.error());
  }
  return whole ? fail(Code::unavailable, "container {} is as it was", target.row.name)
               : fail(Code::unavailable,
                      "container {} is half gone: the rest goes with the next container.delete, "
                      "which the node sends itself in a while unless reconcile.collect is false",
                      target.row.name);
}

Result<> undo_delete(Work& work, const Node& node) {
  const Result<Target> target = find_target(work, node);
  if (!target) {
    return target.error().code == Code::not_found ? Result<>() : Failure(target.error());
  }
  if (target->row.status != Status::deleting) {
    return {};  // it was left as it is
  }
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  const auto checked = std::find_if(steps.begin(), steps.end(), [](const StepRow& step) {
    return step.name == kCheck && step.state == StepState::done;
  });
  if (checked == steps.end()) {
    return {};  // another job is deleting it, or was
  }
  const json::Value before = TRY(json::parse(checked->data));
  TRY(leave(work, *target, wanted_from(before.at("wanted").string_or(to_string(Wanted::gone)))));
  return {};
}

}  // namespace drover::jobs
