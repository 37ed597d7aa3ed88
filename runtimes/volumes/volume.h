// Volume: storage made for one container, or to outlive containers.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/core/container_spec.h"
#include "agent/core/json.h"
#include "agent/system/disk_space.h"
#include "agent/system/stop.h"
#include "runtimes/layout.h"

namespace drover::runtimes {

enum class VolumeKind {
  folder,      ///< a directory, ready to be bound
  subvolume,   ///< one of btrfs: the same with a quota, copied at one instant
  dataset,     ///< a directory that is a file system of its own; not there unless it is mounted
  image,       ///< a raw file: loop device and file system needed
  block,       ///< a block device: file system needed
  thin,        ///< the same of a thin pool of this node's own: copied at one instant
  guest_disk,  ///< of a guest of Proxmox, which alone has to do with it; has no path here
};

struct Volume {
  std::string name;     ///< VolumeSpec::name
  std::string storage;  ///< Proxmox storage id, or "local"
  std::string id;       ///< Proxmox volume id ("local:9000/vm-9000-...raw"), or the folder's path
  Path path;            ///< on this node
  VolumeKind kind = VolumeKind::folder;
  std::uint64_t size_mib = 0;  ///< as its storage has rounded it; 0: it has none, or nobody knows
  /// What an image or block device gets that holds none: "xfs"; "" for ext4.
  std::string file_system{};
};

/// Whether it is bound as it is: no file system has to be made, checked or grown for it.
inline bool is_bound(VolumeKind kind) {
  return kind == VolumeKind::folder || kind == VolumeKind::dataset || kind == VolumeKind::subvolume;
}

/// Whether copy_volume takes one instant of it, also while somebody writes.
inline bool is_copied_at_once(VolumeKind kind) {
  return kind == VolumeKind::subvolume || kind == VolumeKind::thin;
}

json::Value to_json(const Volume& volume);
Result<Volume> volume_from_json(const json::Value& value);

/// A volume of ours that is on a storage, whoever made it.
struct FoundVolume {
  std::string storage;
  std::string id;         ///< Volume::id
  std::string container;  ///< "" where the storage's names do not tell it whole
  std::string job;        ///< the same
};

struct FoundVolumes {
  std::vector<FoundVolume> volumes;
  std::set<std::string> storages;  ///< that were looked into, also those that have none
};

/// Where volumes come from. Thread-safe; blocking calls end soon after `stop`.
class VolumeSource {
 public:
  virtual ~VolumeSource() = default;
  /// Whether this node can have its volumes at all; `refused` with what is missing. Asks neither
  /// programs nor Proxmox.
  virtual Result<> usable() const { return {}; }
  /// `unavailable` when its disks were full at the last look. Asks nobody either.
  virtual Result<> has_room() const { return {}; }
  /// Of its disks, as of the last look; none before that, and where they are those of
  /// Layout::local_volumes() or Proxmox's.
  virtual std::optional<system::DiskSpace> space() const { return std::nullopt; }
  /// The smallest size of a volume; 0 where volumes keep to no size.
  virtual std::uint64_t least_mib() const { return 1; }
  /// Makes the volume. Its name on the storage carries the container's name and the job's id, so
  /// that `find` sees it even when the answer was lost.
  virtual Result<Volume> allocate(const ContainerName& container, const JobId& job,
                                  const VolumeSpec& spec, const system::Stop& stop) = 0;
  /// What `allocate` with the same arguments has made; `not_found` when it has made nothing.
  virtual Result<Volume> find(const ContainerName& container, const JobId& job,
                              const VolumeSpec& spec, const system::Stop& stop) = 0;
  /// Makes what is at its path be there, as of a logical volume after a reboot, and returns it with
  /// the path it has now. Where nothing has to be done, as everywhere but on storages of Proxmox,
  /// it is returned as it is.
  virtual Result<Volume> activate(const Volume& volume, const system::Stop& stop);
  /// Makes it `size_mib` large, mounted or not, and returns how large it is then; one that is so
  /// already is success. Its file system stays as it is. `refused` where the storage cannot.
  virtual Result<std::uint64_t> grow(const Volume& volume, std::uint64_t size_mib,
                                     const system::Stop& stop) = 0;
  /// Frees it with everything on it. Absent is success.
  virtual Result<> release(const Volume& volume, const system::Stop& stop) = 0;

  /// All volumes that were made by this node for containers.
  virtual Result<FoundVolumes> inventory(const system::Stop& stop) = 0;
  /// As `release`, of what `inventory` has found.
  virtual Result<> release_found(const FoundVolume& found, const system::Stop& stop) = 0;
};

// All of these take volumes that are active. The programs that they run, but for resize2fs, end
// with the agent, also when it is killed: the next one does the same again, and nobody sees that a
// program still works on an image.

/// Gives an image or block device its file system, unless it holds one.
Result<> format_volume(const Volume& volume, const system::Stop& stop);
enum class Check {
  unclean,  ///< only one that was not unmounted in order, or in which the kernel has found faults
  all,
};
/// Mends the file system (ext2 to ext4) of an image or block device that nobody uses. `broken` for
/// what has to be mended by hand.
Result<> check_file_system(const Volume& volume, Check how, const system::Stop& stop);
/// `refused` when it is mounted here with a file system that nothing on this node grows meanwhile.
Result<> check_grows_mounted(const Volume& volume);
/// Makes the file system of a volume as large as the volume: as it is mounted here, or at rest. One
/// of xfs that is not mounted grows when it is the next time. What works on it is not ended by
/// `stop`, and has `lock`, a file of this volume's, until it ends; who comes later waits. Nobody
/// may mount it meanwhile. `unavailable` when something else has it, `refused` for a file system
/// that Drover cannot grow.
Result<> grow_file_system(const Volume& volume, const Path& lock, const system::Stop& stop);
/// Makes `to`, which nobody uses, hold what `from` holds, which nobody writes to unless it
/// is_copied_at_once. Both are of one kind, and `to` is as large. Blocks are shared where the file
/// system can. What is cut off is done again from its beginning. `unavailable` when the copy of a
/// folder would leave others no room on its disk (spare_disk.h).
Result<> copy_volume(const Volume& from, const Volume& to, const system::Stop& stop);

/// Mounts `volume` at `target` (made when missing) with nosuid and nodev. An image or block device
/// without a file system gets its own first; one with a file system keeps it, checked where it was
/// not unmounted in order. Mounted already is success.
Result<> mount_volume(const Volume& volume, const Path& target, const system::Stop& stop);
/// Unmounts what is at `target` and removes the empty folder. Not mounted is success.
Result<> unmount_volume(const Path& target, const system::Stop& stop);

}  // namespace drover::runtimes
