// Whether something on this node still holds a volume.
#pragma once

#include <optional>
#include <vector>

#include "agent/system/clock.h"
#include "runtimes/volumes/mount_table.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// Whether a loop device is set up on the file of an image, or a block device is claimed (mounted,
/// swapped on, part of another device), in whatever mount namespace. A path that does not exist is
/// not in use; a folder or dataset is never said to be.
Result<bool> is_in_use(const Volume& volume);

/// The loop devices that are set up on the file of an image: "/dev/loop0".
Result<std::vector<Path>> loop_devices_of(const Volume& volume);

/// Where this process's mount namespace has the file system of an image or block device mounted, of
/// several places the first; none for nowhere.
Result<std::optional<MountPoint>> mount_of(const Volume& volume);

/// Whether it is this volume that is mounted at `target`, in this process's mount namespace.
Result<bool> is_mounted_at(const Volume& volume, const Path& target);

/// Waits some seconds for what lets go of it a moment after its unmount; the kernel tells nobody.
/// `unavailable` when it is still in use then.
Result<> wait_until_free(const Volume& volume, system::Clock& clock, const system::Stop& stop);

}  // namespace drover::runtimes
