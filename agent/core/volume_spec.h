// VolumeSpec: storage that a container asks for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

/// Whether the storage is one that this node makes itself: "local-folder", "local-image",
/// "local-xfs", "local-btrfs" or "local-thin"; others are Proxmox's.
bool is_local_storage(std::string_view storage);

inline constexpr std::int64_t kMostVolumeMib = std::int64_t{1} << 30;

/// Storage that is made for the container and goes with it, or a volume that outlives it.
struct VolumeSpec {
  std::string name;    ///< a DNS label, unique in the container
  std::string target;  ///< absolute path inside the container
  /// Proxmox storage id, one of the node's own (is_local_storage), "" for the node's default
  std::string storage;
  std::uint64_t size_mib = 0;  ///< 0 for a folder, which has none
  bool read_only = false;
  /// Name of a volume that a job volume.create has made and that outlives the container; storage
  /// and size are then its own and not given here. "" for one of the container's own.
  std::string from{};
  bool operator==(const VolumeSpec&) const = default;
};

/// The member "volumes" of a spec.
std::vector<VolumeSpec> read_volumes(Fields& fields, Faults& faults);
/// One of its elements; what has its default is left out.
json::Value to_json(const VolumeSpec& volume);

}  // namespace drover
