#include "agent/jobs/limits.h"
#include "agent/jobs/target.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {

Resources with_changes(Resources limits, const Resources& wish) {
  if (wish.memory_mib != 0) {
    limits.memory_mib = wish.memory_mib;
  }
  if (wish.cpus != 0) {
    limits.cpus = wish.cpus;
  }
  if (wish.pids != 0) {
    limits.pids = wish.pids;
  }
  return limits;
}

namespace {

/// Writes the limits down, so that they hold after its next start, and tells them.
Result<> keep_limits(Work& work, const Target& target, const Resources& limits) {
  return work.write([&](Books& books) -> Result<> {
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    if (!row) {
      return fail(Code::not_found, "container {} was deleted meanwhile", target.row.name);
    }
    ContainerRecord record = TRY(container_record_from(row->container));
    if (record.container.spec.resources == limits) {
      return {};
    }
    record.container.spec.resources = limits;
    row->container = json::write(to_json(record));
    TRY(books.journal().put_container(*row));
    return books.tell(
        Event{.kind = "container",
              .object = row->name,
              .what = "updated",
              .job = work.request().id.str(),
              .data = {{"runtime", row->runtime}, {"resources", drover::to_json(limits)}}});
  });
}

}  // namespace

Result<json::Value> update_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  ContainerSpec spec = target.container().spec;
  spec.resources = with_changes(spec.resources, work.request().options.resources);
  TRY(target.runtime->accepts(spec));
  work.plan(1);
  TRY(work.once({.name = "runtime.update", .act = [&]() -> Result<json::Value> {
                   TRY(target.runtime->update(target.container(), spec.resources, work.stop()));
                   return json::Value();
                 }}));
  TRY(keep_limits(work, target, spec.resources));
  json::Object result{{"resources", drover::to_json(spec.resources)}};
  const std::vector<std::string> pending =
      TRY(target.runtime->pending(target.container(), work.stop()));
  if (!pending.empty()) {
    result.set("pending", json::Array(pending.begin(), pending.end()));
  }
  return json::Value(std::move(result));
}

Result<> undo_update(Work& work, const Node& node) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  for (const StepRow& step : steps) {
    if (step.name != "runtime.update" || step.state == StepState::undone) {
      continue;
    }
    // The record is written when all is done, so it has the old limits still. A part of the new
    // ones may have been set.
    const Result<Target> target = find_target(work, node);
    const Result<> set =
        target ? target->runtime->update(target->container(), target->container().spec.resources,
                                         work.agent_stop())
               : Failure(target.error());
    if (!set && set.error().code != Code::not_found) {
      return set;
    }
    TRY(work.step_undone(step));
  }
  return {};
}

}  // namespace drover::jobs
