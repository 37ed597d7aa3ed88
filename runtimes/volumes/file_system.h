// FileSystem: what an image or block device holds, as blkid(8) and mount(8) call it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtimes/volumes/mount_table.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// "ext4"; "" for none, and where several contradict each other.
Result<std::string> file_system_of(const Path& path, const system::Stop& stop);

/// Whether nothing grows a file system of this type while it is at rest.
bool grows_mounted_only(std::string_view type);

/// What makes the file system of `volume`, which is mounted there, as large as its device, and
/// leaves one alone that is so already. `refused` where it cannot be.
Result<std::vector<std::string>> growing_mounted(const Volume& volume, const MountPoint& point);

/// What makes `volume` the file system it shall have, whatever it holds now.
std::vector<std::string> making_file_system(const Volume& volume);

/// Whether mkfs.xfs was ended before it was through: what it leaves then looks like a file system,
/// and cannot be mounted.
Result<bool> is_half_made_xfs(const Path& path);

}  // namespace drover::runtimes
