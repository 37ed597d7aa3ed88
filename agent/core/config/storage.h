// The configuration's section "storage".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

/// Section "storage".
struct StorageConfig {
  std::string default_storage = "local-folder";  ///< or another of the node's own, or of Proxmox
  std::string guest_storage = "local";           ///< root disks of pve-lxc
  std::int64_t guest_root_mib = 1024;
  /// "thin_pool": of LVM, for volumes on local-thin; both "" for none.
  std::string thin_group;
  std::string thin_pool;
  /// Of Proxmox, that jobs may fetch templates to; empty: any.
  std::vector<std::string> template_storages;
};

/// The section, with every fault in it and its pointer below `at`.
StorageConfig read_storage_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
