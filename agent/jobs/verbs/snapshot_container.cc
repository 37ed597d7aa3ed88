#include <algorithm>

#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/container_snapshots.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {

namespace {

/// The event of a snapshot that the books have, and that is gone; "" for any other.
Result<std::string> loss_of(Work& work, const Target& target, runtimes::Snapshots& source) {
  const auto has = [&](const std::vector<runtimes::Snapshot>& snapshots) {
    return std::any_of(snapshots.begin(), snapshots.end(), [&](const runtimes::Snapshot& one) {
      return one.name == work.request().options.snapshot;
    });
  };
  const std::vector<runtimes::Snapshot> left =
      TRY(source.list_snapshots(target.container(), work.agent_stop()));
  return std::string(has(target.record.snapshots) && !has(left) ? "snapshot_deleted" : "");
}

}  // namespace

Result<json::Value> snapshot_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  runtimes::Snapshots* source = TRY(snapshots_of(work, target));
  const JobRequest& request = work.request();
  const std::string& name = request.options.snapshot;
  work.plan(1);
  // One that an earlier run has taken is found by the job's stamp.
  Step take{.name = "snapshot.take", .subject = name};
  take.act = [&]() -> Result<json::Value> {
    TRY(source->take_snapshot(target.container(), name, request.id, work.stop()));
    TRY(keep_snapshots(work, target, *source, "snapshot_taken", work.stop()));
    return json::Value();
  };
  take.needs = turn_of_root(node, *target.runtime);
  TRY(work.once(take));
  return json::Value(json::Object{{"container", request.target}, {"snapshot", name}});
}

Result<> undo_snapshot(Work& work, const Node& node, const Target& target) {
  runtimes::Snapshots* source = TRY(snapshots_of(work, target));
  const JobRequest& request = work.request();
  const std::vector<StepRow> steps = TRY(work.steps(request.id.str()));
  for (const StepRow& step : steps) {
    if (step.name != "snapshot.take" || step.state == StepState::undone) {
      continue;
    }
    if (TRY(source->has_taken(target.container(), step.subject, request.id, work.agent_stop()))) {
      const Turns::Turn turn =
          TRY(work.take_turn(turn_of_root(node, *target.runtime), work.agent_stop()));
      TRY(source->remove_snapshot(target.container(), step.subject, work.agent_stop()));
    }
    // It may have been told of, before the job had to end.
    const std::string loss = TRY(loss_of(work, target, *source));
    TRY(keep_snapshots(work, target, *source, loss, work.agent_stop()));
    TRY(work.step_undone(step));
  }
  return {};
}

Result<json::Value> delete_snapshot(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  runtimes::Snapshots* source = TRY(snapshots_of(work, target));
  const JobRequest& request = work.request();
  const std::string& name = request.options.snapshot;
  work.plan(1);
  // What is half deleted is worth nothing: no cancel breaks it off.
  Step remove{.name = "snapshot.delete", .subject = name};
  remove.act = [&]() -> Result<json::Value> {
    TRY(source->remove_snapshot(target.container(), name, work.agent_stop()));
    TRY(keep_snapshots(work, target, *source, "snapshot_deleted", work.agent_stop()));
    return json::Value();
  };
  remove.needs = turn_of_root(node, *target.runtime);
  TRY(work.once(remove));
  return json::Value(json::Object{{"container", request.target}, {"snapshot", name}});
}

Result<> undo_delete_snapshot(Work& work, const Target& target) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  if (steps.empty()) {
    return {};
  }
  runtimes::Snapshots* source = TRY(snapshots_of(work, target));
  const std::string loss = TRY(loss_of(work, target, *source));
  return keep_snapshots(work, target, *source, loss, work.agent_stop());
}

}  // namespace drover::jobs
