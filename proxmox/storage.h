// Storage: volumes of a Proxmox node.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/ids.h"
#include "proxmox/task.h"

namespace drover::proxmox {

struct StorageInfo {
  std::string id;
  std::string type;  ///< "dir", "lvmthin", "zfspool", ...
  std::vector<std::string> content;
  bool active = false;
  bool shared = false;  ///< the same volumes on several nodes
  std::uint64_t available_bytes = 0;
  std::uint64_t total_bytes = 0;  ///< 0 while it is not active
};

struct VolumeInfo {
  std::string volid;
  std::string path;    ///< on the node, as the storage plugin gives it
  std::string format;  ///< "raw", "subvol", "qcow2"
  std::uint64_t size_bytes = 0;
};

class Storage {
 public:
  Storage(Client& client, Tasks& tasks) : client_(client), tasks_(tasks) {}

  Result<std::vector<StorageInfo>> list(const Stop& stop);
  Result<StorageInfo> find(const std::string& storage, const Stop& stop);
  /// Makes a volume that belongs to `owner` and returns its volume id. `conflict` when it exists.
  Result<std::string> allocate(const std::string& storage, Vmid owner, const std::string& filename,
                               std::uint64_t size_mib, const std::string& format, const Stop& stop);
  /// `not_found` when there is none.
  Result<VolumeInfo> inspect(const std::string& volid, const Stop& stop);
  /// Volume ids of `owner` on `storage`.
  Result<std::vector<std::string>> owned_by(const std::string& storage, Vmid owner,
                                            const Stop& stop);
  /// Absent is success (the API says so itself), so a lost answer is asked for again. The API frees
  /// volumes that are in use without a word: the caller must know that nobody uses it.
  Result<> release(const std::string& volid, const Stop& stop);

 private:
  /// False also for one of a storage that cannot tell.
  Result<bool> is_gone(const std::string& volid, const std::string& storage, const Stop& stop);
  Result<bool> is_listed(const std::string& volid, const std::string& storage, const Stop& stop);

  Client& client_;
  Tasks& tasks_;
};

}  // namespace drover::proxmox
