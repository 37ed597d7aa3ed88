#include "agent/jobs/quorum_need.h"

#include <algorithm>

#include "agent/jobs/admission.h"
#include "agent/jobs/container_record.h"

namespace drover::jobs {
namespace {

bool is_on_proxmox(const Node& node, const std::string& storage) {
  const Result<runtimes::VolumeSource*> source = node.volumes(storage);
  return source && *source == node.proxmox_volumes;
}

/// Of its own, which are made and freed with it.
bool has_volume_on_proxmox(const Node& node, const ContainerSpec& spec) {
  return std::any_of(spec.volumes.begin(), spec.volumes.end(), [&node](const VolumeSpec& volume) {
    return volume.from.empty() && is_on_proxmox(node, volume.storage);
  });
}

Result<bool> container_needs_quorum(Journal& journal, const Node& node, const JobRequest& request) {
  if (request.spec && makes_container(request.verb)) {
    const RuntimeKind kind = choose_runtime(node, request.target, *request.spec);
    return kind == RuntimeKind::pve_lxc ||
           has_volume_on_proxmox(node, with_defaults(node, *request.spec, kind));
  }
  const std::optional<ContainerRow> row = TRY(journal.container(request.target));
  if (!row) {
    return false;
  }
  const ContainerRecord record = TRY(container_record_from(row->container));
  return record.container.runtime == RuntimeKind::pve_lxc ||
         (request.verb == Verb::container_delete &&
          has_volume_on_proxmox(node, record.container.spec));
}

Result<bool> volume_needs_quorum(Journal& journal, const Node& node, const JobRequest& request) {
  if (request.verb == Verb::volume_create) {
    return is_on_proxmox(node, request.options.storage);
  }
  const std::optional<VolumeRow> row = TRY(journal.volume(request.target));
  return row && is_on_proxmox(node, row->storage);
}

}  // namespace

Result<bool> needs_quorum(Journal& journal, const Node& node, const JobRequest& request) {
  switch (request.verb) {
    case Verb::container_stop:
    case Verb::container_kill:
    case Verb::container_pause:
    case Verb::container_resume:
    case Verb::container_exec:
      return false;
    default:
      break;
  }
  switch (target_kind_of(request.verb)) {
    case TargetKind::container:
      return container_needs_quorum(journal, node, request);
    case TargetKind::volume:
      return volume_needs_quorum(journal, node, request);
    case TargetKind::network:
      return node.proxmox_network != nullptr;
    case TargetKind::image:
    case TargetKind::node:
    case TargetKind::job:
      break;
  }
  return false;
}

bool needs_quorum(const Node& node, const Thing& thing) {
  if (thing.kind == "container") {
    return thing.place == to_string(RuntimeKind::pve_lxc);
  }
  return thing.kind == "lease" || (thing.kind == "volume" && is_on_proxmox(node, thing.place));
}

}  // namespace drover::jobs
