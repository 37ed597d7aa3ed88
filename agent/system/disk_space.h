// DiskSpace: what a file system has left.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/system/file.h"

namespace drover::system {

struct DiskSpace {
  std::uint64_t free = 0;   ///< bytes that anybody may still write, as df(1) shows them
  std::uint64_t total = 0;  ///< bytes
  /// Files that can still be made; none where the file system does not count them (btrfs, tmpfs
  /// without a bound).
  std::optional<std::uint64_t> files;
  std::uint64_t most_files = 0;  ///< with those that are there; 0 where they are not counted
};

/// Of the file system that `path` lies on.
Result<DiskSpace> disk_space(const Path& path);

}  // namespace drover::system
