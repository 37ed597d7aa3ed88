// StorageType: what a container's volume is on each type of Proxmox storage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/result.h"
#include "proxmox/storage.h"

namespace drover::proxmox {

/// What is at the path that the API names for a volume.
enum class VolumeForm {
  file,     ///< a raw file on what the storage has mounted; grown by whoever may write it
  block,    ///< a block device below /dev, there while the volume is active
  dataset,  ///< a folder that is a file system of its own with a quota, mounted while it is active
};
std::string_view to_string(VolumeForm form);

struct StorageType {
  std::string_view name;           ///< as Proxmox VE calls it: "lvmthin"
  std::optional<VolumeForm> form;  ///< none: it takes no volumes of containers
  std::string_view format;         ///< what to ask the API for: "raw" or "subvol"
  std::string_view prefix;         ///< of a volume's name there, before its owner: "vm-"
  std::string_view extension;      ///< behind the name: ".raw", or none
  bool snapshots;                  ///< keeps snapshots of guests' disks
};

/// None for a type that Proxmox VE does not bring itself.
const StorageType* storage_type(std::string_view name);

/// The type of a storage that volumes of containers can be made on. `refused`, naming what can,
/// when it cannot hold any, and when its content lets nobody list them.
Result<const StorageType*> type_for_volumes(const StorageInfo& storage);

}  // namespace drover::proxmox
