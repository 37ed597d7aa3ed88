// Verb: what a job does, and what kind of thing it does it to.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/core/result.h"

namespace drover {

enum class Verb {
  container_run,  ///< create and start
  container_create,
  container_start,
  container_stop,     ///< signal, grace, SIGKILL
  container_restart,  ///< stop and start
  container_kill,     ///< one signal
  container_pause,
  container_resume,
  container_exec,
  container_update,           ///< other limits, while it runs
  container_upgrade,          ///< another image below its root, and back
  container_checkpoint,       ///< its processes to the disk
  container_restore,          ///< and back
  container_snapshot,         ///< its volumes and limits as they are now
  container_rollback,         ///< to a snapshot
  container_snapshot_delete,  ///< the snapshot, not the container
  container_backup,           ///< an archive on a storage
  container_migrate,          ///< to another node of a Proxmox cluster
  container_adopt,            ///< a guest of Proxmox that came from elsewhere
  container_delete,
  image_pull,
  image_remove,
  volume_create,
  volume_resize,
  volume_snapshot,
  volume_delete,
  network_ensure,
  network_remove,
  node_drain,
  node_undrain,
  node_collect,  ///< leaked things, now
  job_cancel,
};

std::string_view to_string(Verb verb);
std::optional<Verb> verb_from(std::string_view name);
/// "container.run, container.create, ...", for messages.
std::string all_verbs();

enum class TargetKind { container, image, volume, network, node, job };

std::string_view to_string(TargetKind kind);
TargetKind target_kind_of(Verb verb);
/// Whether `target` can name such a thing: a container or a volume is a DNS label, an image a
/// reference of at most 512 printable characters without spaces, a network a bridge's name (15
/// bytes, IFNAMSIZ), a node its name.
Result<> check_target(TargetKind kind, std::string_view target);

/// Whether the job carries a container's spec.
constexpr bool makes_container(Verb verb) {
  return verb == Verb::container_run || verb == Verb::container_create;
}

/// Whether the job may say what the container is like that it is about.
constexpr bool may_have_spec(Verb verb) {
  return makes_container(verb) || verb == Verb::container_adopt;
}

/// Whether the container's program may run once it is done.
constexpr bool starts_container(Verb verb) {
  return verb == Verb::container_run || verb == Verb::container_start ||
         verb == Verb::container_restart || verb == Verb::container_upgrade ||
         verb == Verb::container_restore;
}

/// Whether it is done while it is accepted, and waits for no worker.
constexpr bool is_done_at_once(Verb verb) {
  return verb == Verb::job_cancel || verb == Verb::node_drain || verb == Verb::node_undrain ||
         verb == Verb::node_collect;
}

/// Whether doing it again after a failure `unavailable` may surprise nobody: what a program inside
/// has been told or has done can not be taken back.
constexpr bool may_be_retried(Verb verb) {
  return verb != Verb::container_exec && verb != Verb::container_kill && verb != Verb::job_cancel;
}

}  // namespace drover
