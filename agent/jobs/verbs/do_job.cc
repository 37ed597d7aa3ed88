#include <functional>

#include "agent/jobs/container_record.h"
#include "agent/jobs/verbs/make_container.h"
#include "agent/jobs/verbs/own_networks.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "agent/jobs/verbs/start_program.h"
#include "agent/jobs/verbs/stop_program.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {

namespace {

/// What an earlier agent had begun, or this one has sent and not waited for, may go on.
Result<> settle(Work& work, const Node& node, const system::Stop& stop) {
  // What runs inside passes beside other jobs, who have the container to themselves.
  const Verb verb = work.request().verb;
  if (target_kind_of(verb) != TargetKind::container || verb == Verb::container_exec) {
    return {};
  }
  const std::optional<ContainerRow> row = TRY(work.container(work.request().target));
  if (!row || (makes_container(verb) && row->job != work.request().id.str())) {
    return {};
  }
  const ContainerRecord record = TRY(container_record_from(row->container));
  runtimes::Runtime* runtime = TRY(node.runtime(record.container.runtime));
  return work.await_begun([&] { return runtime->settle(record.container, stop); });
}

/// Does it to the job's container; one that is gone needs nothing.
Result<> to_target(Work& work, const Node& node,
                   const std::function<Result<>(const Target&)>& act) {
  const Result<Target> target = find_target(work, node);
  if (!target) {
    return target.error().code == Code::not_found ? Result<>() : Failure(target.error());
  }
  return act(*target);
}

Result<> undo_verb(Work& work, const Node& node, bool was_stopped) {
  switch (work.request().verb) {
    case Verb::container_run:
    case Verb::container_create:
      return unmake_container(work, node);
    case Verb::container_start:
      return to_target(work, node,
                       [&](const Target& target) { return undo_start(work, target, was_stopped); });
    case Verb::container_stop:
      return to_target(work, node, [&](const Target& target) { return undo_stop(work, target); });
    case Verb::container_restart:
      return to_target(work, node, [&](const Target& target) -> Result<> {
        TRY(undo_stop(work, target));
        return give_wish_back(work, target);
      });
    case Verb::container_delete:
      return to_target(work, node, [&](const Target& target) { return undo_delete(work, target); });
    case Verb::container_exec:
      return undo_exec(work, node);
    case Verb::container_update:
      return undo_update(work, node);
    case Verb::container_upgrade:
      return to_target(work, node, [&](const Target&) { return undo_upgrade(work, node); });
    case Verb::container_checkpoint:
      return to_target(work, node,
                       [&](const Target& target) { return undo_checkpoint(work, target); });
    case Verb::container_restore:
      return to_target(work, node,
                       [&](const Target& target) { return undo_restore(work, target); });
    // An image of ours that is unpacked stays: others may use it by now.
    case Verb::image_pull:
      return proxmox::names_template(work.request().target) ? undo_pull_template(work, node)
                                                            : Result<>();
    case Verb::image_remove:
      return proxmox::names_template(work.request().target) ? undo_remove_template(work, node)
                                                            : Result<>();
    case Verb::container_snapshot:
      return to_target(work, node,
                       [&](const Target& target) { return undo_snapshot(work, node, target); });
    case Verb::container_rollback:
      return to_target(work, node,
                       [&](const Target& target) { return undo_rollback(work, node, target); });
    case Verb::container_backup:
      return to_target(work, node, [&](const Target& target) { return undo_backup(work, target); });
    case Verb::container_migrate:
      return to_target(work, node,
                       [&](const Target& target) { return undo_migrate(work, node, target); });
    case Verb::container_snapshot_delete:
      return to_target(work, node,
                       [&](const Target& target) { return undo_delete_snapshot(work, target); });
    default:
      return {};
  }
}

}  // namespace

Result<json::Value> do_job(Work& work, const Node& node) {
  if (work.resumed()) {
    TRY(settle(work, node, work.stop()));
  }
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
    case Verb::container_upgrade:
      return upgrade_container(work, node);
    case Verb::container_checkpoint:
      return checkpoint_container(work, node);
    case Verb::container_restore:
      return restore_container(work, node);
    case Verb::container_snapshot:
      return snapshot_container(work, node);
    case Verb::container_rollback:
      return rollback_container(work, node);
    case Verb::container_snapshot_delete:
      return delete_snapshot(work, node);
    case Verb::container_backup:
      return backup_container(work, node);
    case Verb::container_migrate:
      return migrate_container(work, node);
    case Verb::container_adopt:
      return adopt_container(work, node);
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

Result<> undo_job(Work& work, const Node& node, const Error& error) {
  if (target_kind_of(work.request().verb) == TargetKind::volume) {
    return undo_volume(work, node);
  }
  if (target_kind_of(work.request().verb) == TargetKind::network) {
    return undo_network(work, node);
  }
  // One that was answered with a failure has nothing on its way; one that was not may have.
  const bool was_stopped = error.code == Code::cancelled || error.code == Code::timed_out;
  const bool may_go_on = work.resumed() || was_stopped || error.code == Code::unavailable;
  const Result<> settled = may_go_on ? settle(work, node, work.agent_stop()) : Result<>();
  if (!settled && makes_container(work.request().verb)) {
    TRY(work.agent_stop().check("take back what was made"));
    TRY(leave_unmade(work, settled.error()));
    return settled;
  }
  const Result<> undone = undo_verb(work, node, was_stopped);
  return undone ? settled : undone;
}

}  // namespace drover::jobs
