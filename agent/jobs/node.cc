#include "agent/jobs/node.h"

namespace drover::jobs {
namespace {

/// ", local-xfs": those that can be had here.
std::string other_names(const std::map<std::string, runtimes::VolumeSource*>& sources) {
  std::string names;
  for (const auto& [storage, source] : sources) {
    if (source->usable()) {
      names += ", " + storage;
    }
  }
  return names;
}

}  // namespace

Result<runtimes::Runtime*> Node::runtime(RuntimeKind kind) const {
  if (const auto found = runtimes.find(kind); found != runtimes.end()) {
    return found->second;
  }
  if (kind == RuntimeKind::pve_lxc) {
    return fail(Code::refused,
                "node {} has no runtime pve-lxc: its configuration has no section proxmox", name);
  }
  const Result<path> program = config.runtime_path(kind);
  return fail(Code::refused, "node {} has no runtime {}: {}", name, to_string(kind),
              program ? "it was installed after droverd had started; restart droverd"
                      : program.error().message);
}

Result<proxmox::Templates*> Node::all_templates() const {
  if (templates == nullptr) {
    return fail(Code::refused,
                "node {} has no templates of Proxmox: its configuration has no section proxmox",
                name);
  }
  return templates;
}

Result<runtimes::VolumeSource*> Node::volumes(const std::string& storage) const {
  const std::string& wanted = storage.empty() ? config.storage.default_storage : storage;
  if (wanted == "local-folder") {
    return &local_volumes;
  }
  if (wanted == "local-image") {
    return &local_images;
  }
  if (const auto other = other_volumes.find(wanted); other != other_volumes.end()) {
    return other->second;
  }
  if (proxmox_volumes == nullptr) {
    return fail(Code::refused,
                "node {} has no storage {}: its configuration has no section proxmox, so there is "
                "only local-folder, local-image{}",
                name, wanted, other_names(other_volumes));
  }
  return proxmox_volumes;
}

}  // namespace drover::jobs
