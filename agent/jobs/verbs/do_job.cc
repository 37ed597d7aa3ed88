#include "agent/jobs/container_record.h"
#include "agent/jobs/verbs/make_container.h"
#include "agent/jobs/verbs/own_networks.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "agent/jobs/verbs/start_program.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {

namespace {

/// What an earlier agent had begun may go on without it.
Result<> settle(Work& work, const Node& node, const system::Stop& stop) {
  if (!work.resumed() || target_kind_of(work.request().verb) != TargetKind::container) {
    return {};
  }
  const std::optional<ContainerRow> row = TRY(work.container(work.request().target));
  if (!row) {
    return {};
  }
  const ContainerRecord record = TRY(container_record_from(row->container));
  runtimes::Runtime* runtime = TRY(node.runtime(record.container.runtime));
  return runtime->settle(record.container, stop);
}

/// Of a job that was stopped before it could say what it leaves, as one that was cancelled while no
/// agent ran: no status that only a job in progress has.
Result<> note_what_is_left(Work& work, const Node& node) {
  const Result<Target> target = find_target(work, node);
  if (!target) {
    return target.error().code == Code::not_found ? Result<>() : Failure(target.error());
  }
  if (target->row.status == Status::deleting) {
    return note(work, *target, Status::unknown);
  }
  if (target->row.status != Status::stopping) {
    return {};
  }
  // One that does not answer is looked at again, as all are.
  const auto state = target->runtime->state(target->container(), work.agent_stop());
  return state ? note(work, *target, state->status, state->exit) : Result<>();
}

}  // namespace

Result<json::Value> do_job(Work& work, const Node& node) {
  TRY(settle(work, node, work.stop()));
  switch (work.request().verb) {
    case Verb::container_run:
      return make_container(work, node, true);
    case Verb::container_create:
      return make_container(work, node, false);
    case Verb::container_start:
      return start_container(work, node);
    case Verb::container_stop:
      return stop_container(work, node);
    case Verb::container_restart:
      return restart_container(work, node);
    case Verb::container_kill:
      return kill_container(work, node);
    case Verb::container_pause:
      return pause_container(work, node);
    case Verb::container_resume:
      return resume_container(work, node);
    case Verb::container_exec:
      return exec_in_container(work, node);
    case Verb::container_delete:
      return delete_container(work, node);
    case Verb::container_update:
      return update_container(work, node);
    case Verb::container_checkpoint:
    case Verb::container_restore:
      return checkpoint_container(work, node);
    case Verb::image_pull:
      return pull_image(work, node);
    case Verb::image_remove:
      return remove_image(work, node);
    case Verb::volume_create:
      return create_volume(work, node);
    case Verb::volume_resize:
      return resize_volume(work, node);
    case Verb::volume_snapshot:
      return snapshot_volume(work, node);
    case Verb::volume_delete:
      return delete_volume(work, node);
    case Verb::network_ensure:
      return ensure_network(work, node);
    case Verb::network_remove:
      return remove_network(work, node);
    default:  // those that are done at intake (is_done_at_once)
      break;
  }
  return fail(Code::refused, "{}: this node does not know how", to_string(work.request().verb));
}

Result<> undo_job(Work& work, const Node& node) {
  if (target_kind_of(work.request().verb) == TargetKind::volume) {
    return undo_volume(work, node);
  }
  if (target_kind_of(work.request().verb) == TargetKind::network) {
    return undo_network(work, node);
  }
  TRY(settle(work, node, work.agent_stop()));
  switch (work.request().verb) {
    case Verb::container_run:
    case Verb::container_create:
      return unmake_container(work, node);
    case Verb::container_start:
      return undo_start(work, node);
    case Verb::container_update:
      return undo_update(work, node);
    case Verb::container_stop:
    case Verb::container_restart:
    case Verb::container_delete:
      return note_what_is_left(work, node);
    default:
      return {};
  }
}

}  // namespace drover::jobs
