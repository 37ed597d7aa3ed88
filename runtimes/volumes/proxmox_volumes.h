// ProxmoxVolumes: volumes on the storages of a Proxmox node.
#pragma once

#include <string>

#include "proxmox/node_storage.h"
#include "proxmox/storage.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// Volumes that belong to `owner`, a guest number that no guest has: Proxmox wants a number in
/// every volume's name. What they are, and on which storages there are none, is told by the
/// storage's type (proxmox/storage_types.h). Errors are those of proxmox::Client, and `invalid` for
/// a spec without a storage.
class ProxmoxVolumes : public VolumeSource {
 public:
  /// Client and clock must outlive this. Without a program to run, `node_storage` leaves volumes
  /// that are not active alone.
  ProxmoxVolumes(proxmox::Client& client, system::Clock& clock, Vmid owner,
                 proxmox::NodeStorage node_storage = proxmox::NodeStorage());

  /// A volume of this name that is there already was made by the same job and is taken over.
  Result<Volume> allocate(const ContainerName& container, const JobId& job, const VolumeSpec& spec,
                          const system::Stop& stop) override;
  Result<Volume> find(const ContainerName& container, const JobId& job, const VolumeSpec& spec,
                      const system::Stop& stop) override;
  /// By the node's own PVE::Storage, unless it is active. `not_found` when it is not and this node
  /// has no PVE::Storage.
  Result<Volume> activate(const Volume& volume, const system::Stop& stop) override;
  /// The API grows what guests have only. A file is made larger here, everything else by the node's
  /// own PVE::Storage; `refused` where there is none.
  Result<std::uint64_t> grow(const Volume& volume, std::uint64_t size_mib,
                             const system::Stop& stop) override;
  /// `refused` for a volume of another owner. Proxmox frees volumes that are in use without a word,
  /// so one that a loop device or a mount of this node still holds is `unavailable`.
  Result<> release(const Volume& volume, const system::Stop& stop) override;
  /// On storages of this node alone: what lies on one that nodes share may be another node's, whose
  /// agent has the same owner. Only those that are active and keep volumes. Neither container nor
  /// job is told; proxmox_volume_name does.
  Result<FoundVolumes> inventory(const system::Stop& stop) override;
  Result<> release_found(const FoundVolume& found, const system::Stop& stop) override;

 private:
  Result<Volume> describe(const VolumeSpec& spec, const std::string& volid,
                          const system::Stop& stop);
  /// The same with a path of this node, which a volume of Ceph gets when it is mapped.
  Result<Volume> describe_here(const VolumeSpec& spec, const std::string& volid,
                               const system::Stop& stop);
  Result<> check_owner(const Volume& volume) const;

  system::Clock& clock_;
  proxmox::Tasks tasks_;
  proxmox::Storage storage_;
  proxmox::NodeStorage node_storage_;
  Vmid owner_;
};

/// "OWNER-CONTAINER-VOLUME-HASH", in every storage's name for the volume: the names are cut,
/// because LVM takes 127 characters with every hyphen counted twice, and the hash tells the whole
/// of container, volume and job.
std::string proxmox_volume_name(Vmid owner, const ContainerName& container, const JobId& job,
                                std::string_view volume);
/// That name in a volume's id: "local:9000/vm-9000-x.raw", "local-lvm:vm-9000-x" and
/// "zfs:subvol-9000-x" are all "9000-x". "" where none can be.
std::string_view proxmox_name_in(std::string_view volid);

}  // namespace drover::runtimes
