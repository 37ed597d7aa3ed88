// ThinVolumes: volumes of a thin pool of LVM on this node.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "agent/system/clock.h"
#include "runtimes/volumes/thin_report.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// Storage "local-thin": a logical volume for each, GROUP/thin_name(CONTAINER.VOLUME.JOB). Whose it
/// is a tag says, so that nothing else in the group is ever touched. Its id is
/// GROUP/CONTAINER.VOLUME.JOB: it is freed from its own group also when the pool is another by now.
class ThinVolumes : public VolumeSource {
 public:
  /// Both names "" for a node that has no pool. The clock must outlive it.
  ThinVolumes(std::string group, std::string pool, system::Clock& clock)
      : group_(std::move(group)), pool_(std::move(pool)), clock_(clock) {}

  /// `refused` where the configuration names no pool, lvm2 is missing, or the last look found no
  /// such pool; `unavailable` where it found not even the group.
  Result<> usable() const override;
  Result<> has_room() const override;
  std::optional<system::DiskSpace> space() const override;
  /// `unavailable` when the pool is full.
  Result<Volume> allocate(const ContainerName& container, const JobId& job, const VolumeSpec& spec,
                          const system::Stop& stop) override;
  Result<Volume> find(const ContainerName& container, const JobId& job, const VolumeSpec& spec,
                      const system::Stop& stop) override;
  /// After a reboot it may not be there. `not_found` when it is gone.
  Result<Volume> activate(const Volume& volume, const system::Stop& stop) override;
  Result<std::uint64_t> grow(const Volume& volume, std::uint64_t size_mib,
                             const system::Stop& stop) override;
  /// `unavailable` while something on this node has it.
  Result<> release(const Volume& volume, const system::Stop& stop) override;
  Result<FoundVolumes> inventory(const system::Stop& stop) override;
  Result<> release_found(const FoundVolume& found, const system::Stop& stop) override;

 private:
  /// What the group has, by lvs(8); `refused` where it has no such pool. Remembered as the last
  /// look.
  Result<ThinReport> look(const system::Stop& stop);
  Result<> check_room(const ThinPoolRow& pool) const;
  Volume describe(const std::string& name, const ThinRow& row) const;

  const std::string group_;
  const std::string pool_;
  system::Clock& clock_;
  mutable std::mutex mutex_;
  /// Of the last look; none before the first. Guarded by mutex_.
  std::optional<Result<ThinPoolRow>> seen_;
};

/// copy_volume: a snapshot of LVM in the place of `to`, of the instant when it is taken: what is
/// mounted is frozen for it.
Result<> snapshot_thin(const Volume& from, const Volume& to, const system::Stop& stop);

}  // namespace drover::runtimes
