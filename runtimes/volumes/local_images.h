// LocalImages: volumes that are files of a size below the agent's own state.
#pragma once

#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// Storage "local-image": a file Layout::local_volumes()/image_CONTAINER.VOLUME.JOB, whose blocks
/// are taken from the disk when it is made, so that nobody runs out of what he was given.
class LocalImages : public VolumeSource {
 public:
  explicit LocalImages(Layout layout) : layout_(std::move(layout)) {}

  /// `unavailable` when the disk has not enough room.
  Result<Volume> allocate(const ContainerName& container, const JobId& job, const VolumeSpec& spec,
                          const system::Stop& stop) override;
  /// One that is not yet as large as it shall be was not made.
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
  Result<> check_own(const Volume& volume) const;

  Layout layout_;
};

}  // namespace drover::runtimes
