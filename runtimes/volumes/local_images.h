// LocalImages: volumes that are files of a size below the agent's own state.
#pragma once

#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// What the files of a storage hold.
struct ImageForm {
  const char* storage;
  /// Of their names. No container's name has an underscore, so that no image is taken for a volume
  /// that is a folder (LocalVolumes), which is called CONTAINER.VOLUME.JOB.
  const char* prefix;
  const char* file_system;  ///< Volume::file_system
  std::uint64_t least_mib;
};
inline constexpr ImageForm kExt4Images{"local-image", "image_", "", 1};
/// mkfs.xfs(8) makes nothing smaller.
inline constexpr ImageForm kXfsImages{"local-xfs", "xfs_", "xfs", 300};

/// Storage "local-image" or "local-xfs": a file Layout::local_volumes()/image_CONTAINER.VOLUME.JOB,
/// whose blocks are taken from the disk when it is made, so that nobody runs out of what he was
/// given.
class LocalImages : public VolumeSource {
 public:
  explicit LocalImages(Layout layout, ImageForm form = kExt4Images)
      : layout_(std::move(layout)), form_(form) {}

  /// `refused` where the program that makes its file system is missing.
  Result<> usable() const override;
  std::uint64_t least_mib() const override { return form_.least_mib; }
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

  Layout layout_;
  ImageForm form_;
};

}  // namespace drover::runtimes
