// Backups of guests (vzdump), as volumes of a storage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxmox/storage.h"

namespace drover::proxmox {

struct BackupRequest {
  Vmid vmid;
  std::string storage;
  std::string mode;      ///< "snapshot", "suspend" or "stop"
  std::string compress;  ///< "zstd", "gzip", "lzo", or "0" for none
  std::string notes;     ///< one line, by which it is found again
};

struct BackupInfo {
  std::string volid;  ///< "local:backup/vzdump-lxc-100-2026_11_23-22_59_35.tar.zst"
  std::uint64_t size_bytes = 0;
  std::int64_t taken_at = 0;  ///< seconds since 1970
};

/// Thread-safe as far as the client is.
class Backups {
 public:
  Backups(Client& client, Tasks& tasks) : client_(client), tasks_(tasks) {}

  /// Waits for its end, which may take hours; on `stop` Proxmox breaks it off and takes back what
  /// it has begun. What has not come of a request whose answer is lost is `unavailable`.
  Result<> make(const BackupRequest& request, const Stop& stop);
  /// The newest whole one of the guest with these notes.
  Result<std::optional<BackupInfo>> find(const std::string& storage, Vmid vmid,
                                         const std::string& notes, const Stop& stop);
  /// Waits for the backups of a guest that our user has begun, and with `abort` breaks them off
  /// before: only those of a token, which is ours alone.
  Result<> settle(Vmid vmid, bool abort, const Stop& stop);

 private:
  Client& client_;
  Tasks& tasks_;
};

}  // namespace drover::proxmox
