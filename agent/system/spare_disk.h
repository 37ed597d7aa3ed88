// SpareDisk: whoever writes to a disk without knowing how much ends before others have no room
// left.
//
// An image, an archive or a volume may be larger than it looks, and the disk that it is written to
// is also that of the journal, logs and all other containers.
#pragma once

#include <functional>

#include "agent/system/disk_space.h"
#include "agent/system/stop.h"

namespace drover::system {

/// Whether others have room left: a sixteenth of the disk, of which 1 GiB and 65536 files are
/// enough. A file system that bounds neither (tmpfs without a size) has.
bool has_spare_room(const DiskSpace& space);

/// Calls `write` with a Stop of its own, which is requested when `stop` is, and when the file
/// system of `folder` has no spare room any more: that is looked for 20 times a second, by a thread
/// for it. A `write` that has failed then is `unavailable`, whatever it says, and so is one that
/// there was no room for to begin with; what it has left is for the caller to remove.
Result<> write_to_spare_disk(const Path& folder, const Stop& stop,
                             const std::function<Result<>(const Stop&)>& write);

}  // namespace drover::system
