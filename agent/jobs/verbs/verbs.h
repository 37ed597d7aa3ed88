// The verbs: one file each.
#pragma once

#include "agent/jobs/node.h"
#include "agent/jobs/target.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

/// Does the job, on its worker's thread. It is run again from its top when an attempt failed as
/// unavailable, or when the agent ended in the middle (work.h).
Result<json::Value> do_job(Work& work, const Node& node);
/// Takes back what the job has made, after it has failed for good with `error`. Run again when the
/// agent ends in the middle.
Result<> undo_job(Work& work, const Node& node, const Error& error);

Result<json::Value> start_container(Work& work, const Node& node);
Result<json::Value> stop_container(Work& work, const Node& node);
Result<json::Value> restart_container(Work& work, const Node& node);
Result<json::Value> kill_container(Work& work, const Node& node);
Result<json::Value> pause_container(Work& work, const Node& node);
Result<json::Value> resume_container(Work& work, const Node& node);
Result<json::Value> exec_in_container(Work& work, const Node& node);
/// Ends what the job runs inside.
Result<> undo_exec(Work& work, const Node& node);
/// For an agent that has just begun: ends what runs inside by jobs that the journal does not know,
/// or knows to have ended.
void end_unwanted_execs(const Node& node, Journal& journal);
/// The same while it works: of jobs that have ended only what did not end with them is left.
void end_unwanted_execs(Work& work, const Node& node);
Result<json::Value> delete_container(Work& work, const Node& node);
/// What a deletion has left is taken away by the next one.
Result<> undo_delete(Work& work, const Target& target);
Result<json::Value> update_container(Work& work, const Node& node);
/// Gives the container its old limits again.
Result<> undo_update(Work& work, const Node& node);
Result<json::Value> upgrade_container(Work& work, const Node& node);
/// Gives the container its image again, and starts it if it ran.
Result<> undo_upgrade(Work& work, const Node& node);
Result<json::Value> checkpoint_container(Work& work, const Node& node);
/// A container whose checkpoint did not become whole runs on.
Result<> undo_checkpoint(Work& work, const Target& target);
Result<json::Value> restore_container(Work& work, const Node& node);
/// What runs again is not ended, and what does not is stopped as before.
Result<> undo_restore(Work& work, const Target& target);
Result<json::Value> snapshot_container(Work& work, const Node& node);
/// Deletes the snapshot that the job has taken.
Result<> undo_snapshot(Work& work, const Node& node, const Target& target);
Result<json::Value> rollback_container(Work& work, const Node& node);
/// A container that ran runs again, be it rolled back or not.
Result<> undo_rollback(Work& work, const Node& node, const Target& target);
Result<json::Value> backup_container(Work& work, const Node& node);
/// Breaks it off, or deletes what it has made. A container that was stopped for it runs again.
Result<> undo_backup(Work& work, const Target& target);
/// A container that has left is the other node's from then on, whatever the job comes to.
Result<json::Value> migrate_container(Work& work, const Node& node);
/// One that is still here runs again if it ran.
Result<> undo_migrate(Work& work, const Node& node, const Target& target);
/// What it has written stays: the guest is on this node, whatever the job comes to.
Result<json::Value> adopt_container(Work& work, const Node& node);
Result<json::Value> delete_snapshot(Work& work, const Node& node);
/// Of one that could not be told of any more: what is gone is written down.
Result<> undo_delete_snapshot(Work& work, const Target& target);

Result<json::Value> pull_image(Work& work, const Node& node);
Result<json::Value> remove_image(Work& work, const Node& node);
/// The same of templates of Proxmox.
Result<json::Value> pull_template(Work& work, const Node& node);
Result<json::Value> pull_pushed(Work& work, const Node& node);
Result<> undo_pull_template(Work& work, const Node& node);
Result<json::Value> remove_template(Work& work, const Node& node);
/// What is gone is not brought back, but listed no more.
Result<> undo_remove_template(Work& work, const Node& node);

Result<json::Value> create_volume(Work& work, const Node& node);
Result<json::Value> resize_volume(Work& work, const Node& node);
Result<json::Value> snapshot_volume(Work& work, const Node& node);
Result<json::Value> delete_volume(Work& work, const Node& node);

Result<json::Value> ensure_network(Work& work, const Node& node);
Result<json::Value> remove_network(Work& work, const Node& node);

}  // namespace drover::jobs
