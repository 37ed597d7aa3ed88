#include "proxmox/storage_types.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

namespace drover::proxmox {
namespace {

/// The plugins of pve-storage 9.1. On a file and on a block device whoever uses them makes a file
/// system; a dataset needs none, and is what Proxmox VE gives its own containers.
constexpr std::array<StorageType, 14> kTypes{{
    {"btrfs", VolumeForm::file, "raw", "vm-", ".raw", true},
    {"cephfs", std::nullopt, "", "", "", false},
    {"cifs", VolumeForm::file, "raw", "vm-", ".raw", false},
    {"dir", VolumeForm::file, "raw", "vm-", ".raw", false},
    {"esxi", std::nullopt, "", "", "", false},
    {"iscsi", std::nullopt, "", "", "", false},
    {"iscsidirect", std::nullopt, "", "", "", false},
    {"lvm", VolumeForm::block, "raw", "vm-", "", false},
    {"lvmthin", VolumeForm::block, "raw", "vm-", "", true},
    {"nfs", VolumeForm::file, "raw", "vm-", ".raw", false},
    {"pbs", std::nullopt, "", "", "", false},
    {"rbd", VolumeForm::block, "raw", "vm-", "", true},
    {"zfs", std::nullopt, "", "", "", false},
    {"zfspool", VolumeForm::dataset, "subvol", "subvol-", "", true},
}};

std::string types_for_volumes() {
  std::vector<std::string_view> names;
  for (const StorageType& type : kTypes) {
    if (type.form) {
      names.push_back(type.name);
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// What it would have for content if it were for volumes, too. Proxmox takes "none" beside no
/// other.
std::string with_volumes(std::vector<std::string> content) {
  std::erase(content, "none");
  content.emplace_back("rootdir");
  return fmt::format("{}", fmt::join(content, ","));
}

}  // namespace

std::string_view to_string(VolumeForm form) {
  switch (form) {
    case VolumeForm::file:
      return "file";
    case VolumeForm::block:
      return "block";
    case VolumeForm::dataset:
      return "dataset";
  }
  return "";
}

const StorageType* storage_type(std::string_view name) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(),
                                   [name](const StorageType& type) { return type.name == name; });
  return found == kTypes.end() ? nullptr : found;
}

Result<const StorageType*> type_for_volumes(const StorageInfo& storage) {
  const StorageType* type = storage_type(storage.type);
  if (type == nullptr || !type->form) {
    return fail(Code::refused,
                "storage {} is of type {}, which holds no volumes of containers; those of types {} "
                "do",
                storage.id, storage.type, types_for_volumes());
  }
  const bool lists_them = std::any_of(
      storage.content.begin(), storage.content.end(),
      [](const std::string& content) { return content == "images" || content == "rootdir"; });
  if (!lists_them) {
    return fail(Code::refused,
                "storage {} is not for volumes (content {}): pvesm set {} --content {}", storage.id,
                fmt::join(storage.content, ","), storage.id, with_volumes(storage.content));
  }
  return type;
}

}  // namespace drover::proxmox
