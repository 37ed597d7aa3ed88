// Subvolumes of btrfs: folders with a quota that are copied and deleted at one instant, by
// btrfs(8).
#pragma once

#include <cstdint>

#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// Whether `path`, which a link is not followed to, is a subvolume.
bool is_subvolume(const Path& path);

/// Makes one that nothing stands in the place of. It is on the disk then.
Result<> make_subvolume(const Path& path, const system::Stop& stop);

/// Lets what is in the subvolume itself, whoever else shares its blocks, have so much, and turns on
/// the quotas of its file system, which belong to all of it. One that has more already can write
/// nothing until there is less.
Result<> limit_subvolume(const Path& path, std::uint64_t size_mib, const system::Stop& stop);

/// copy_volume: puts a copy in the place of `to`, with the size of `to` as its quota.
Result<> snapshot_subvolume(const Volume& from, const Volume& to, const system::Stop& stop);

/// Deletes it with all that is in it, subvolumes that programs have made there, too. Absent is
/// success.
Result<> delete_subvolume(const Path& path, const system::Stop& stop);

}  // namespace drover::runtimes
