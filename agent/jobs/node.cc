#include "agent/jobs/node.h"

namespace drover::jobs {

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
  if (proxmox_volumes == nullptr) {
    return fail(Code::refused,
                "node {} has no storage {}: its configuration has no section proxmox, so there is "
                "only local-folder and local-image",
                name, wanted);
  }
  return proxmox_volumes;
}

}  // namespace drover::jobs
