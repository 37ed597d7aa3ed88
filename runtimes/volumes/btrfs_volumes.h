// BtrfsVolumes: volumes that are subvolumes below the agent's own state.
#pragma once

#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// Storage "local-btrfs": a subvolume
/// Layout::local_volumes()/subvolume_CONTAINER.VOLUME.JOB, whose quota is its size. Only where that
/// folder lies on btrfs.
class BtrfsVolumes : public VolumeSource {
 public:
  explicit BtrfsVolumes(Layout layout) : layout_(std::move(layout)) {}

  /// `refused` where the folder lies on another file system, or btrfs(8) is missing.
  Result<> usable() const override;
  Result<Volume> allocate(const ContainerName& container, const JobId& job, const VolumeSpec& spec,
                          const system::Stop& stop) override;
  /// One that is there is given its quota: its maker may have been cut off before.
  Result<Volume> find(const ContainerName& container, const JobId& job, const VolumeSpec& spec,
                      const system::Stop& stop) override;
  Result<std::uint64_t> grow(const Volume& volume, std::uint64_t size_mib,
                             const system::Stop& stop) override;
  /// `refused` for a path that does not lie directly below Layout::local_volumes().
  Result<> release(const Volume& volume, const system::Stop& stop) override;
  Result<FoundVolumes> inventory(const system::Stop& stop) override;
  Result<> release_found(const FoundVolume& found, const system::Stop& stop) override;

 private:
  Volume describe(const ContainerName& container, const JobId& job, const VolumeSpec& spec) const;

  Layout layout_;
};

}  // namespace drover::runtimes
