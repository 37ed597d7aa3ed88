// What is mounted in this process's mount namespace.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

struct MountPoint {
  system::Path target;
  std::string type;      ///< file system type
  std::string source;    ///< device, or what the mounter called it
  std::string lower{};   ///< of an overlay: the folder below it, of several the first
  bool removed = false;  ///< what is mounted was removed where it had come from
};

/// The lines of /proc/self/mountinfo (proc(5)), in the kernel's order; blanks and the like, which
/// the kernel writes as \040, are decoded.
std::vector<MountPoint> parse_mount_table(std::string_view text);

/// All that is mounted, in the kernel's order.
Result<std::vector<MountPoint>> mount_table();
/// What is mounted exactly at `target`, which is resolved as far as it exists; none for nothing.
Result<std::optional<MountPoint>> mounted_at(const system::Path& target);
/// Whether something is mounted exactly at `target`, which is resolved as far as it exists.
Result<bool> is_mounted(const system::Path& target);
/// The same, asked of the place itself (statx(2), STATX_ATTR_MOUNT_ROOT), which costs no more where
/// thousands of containers have their mounts. For what no server has to be asked about: roots and
/// namespaces, but not volumes.
Result<bool> is_mount_root(const system::Path& target);

}  // namespace drover::runtimes
