// LocalVolumes: volumes that are folders below the agent's own state.
#pragma once

#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// Storage "local-folder": a folder Layout::local_volumes()/CONTAINER.VOLUME.JOB. A folder has no
/// size of its own: whoever asks for one is refused before (agent/jobs/admission.h).
class LocalVolumes : public VolumeSource {
 public:
  explicit LocalVolumes(Layout layout) : layout_(std::move(layout)) {}

  std::uint64_t least_mib() const override { return 0; }

  Result<Volume> allocate(const ContainerName& container, const JobId& job, const VolumeSpec& spec,
                          const system::Stop& stop) override;
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
