// Backups: archives of whole containers on a storage, where a runtime makes some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/system/stop.h"
#include "runtimes/container.h"

namespace drover::runtimes {

struct BackupWish {
  std::string storage;
  std::string mode;      ///< of the container meanwhile: "snapshot", "suspend" or "stop"
  std::string compress;  ///< "zstd", "gzip", "lzo" or "none"
};

struct Backup {
  std::string id;  ///< "local:backup/vzdump-lxc-...", an image that a container can be made of
  std::uint64_t bytes = 0;
  std::int64_t taken_at = 0;  ///< milliseconds since 1970
};

/// The same rules as for Runtime's verbs hold.
class Backups {
 public:
  virtual ~Backups() = default;

  /// Of its volumes and its configuration, stamped with `job`. One that this very job has made, or
  /// is making, is awaited and returned. A container that is paused, which would run on, is a
  /// `conflict`. In mode "stop" its program is ended and started again.
  virtual Result<Backup> make_backup(const Container& container, const BackupWish& wish,
                                     const JobId& job, const system::Stop& stop) = 0;
  /// Breaks off a backup that `job` is making, and deletes one that it has made.
  virtual Result<> remove_backup(const Container& container, const std::string& storage,
                                 const JobId& job, const system::Stop& stop) = 0;
};

}  // namespace drover::runtimes
