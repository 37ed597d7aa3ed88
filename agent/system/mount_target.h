// Files to be mounted on other files, and those to mount them on.
#pragma once

#include <string_view>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::system {

/// Gives the file, which need not be there, this content. It stays the one that it is: whoever has
/// it mounted sees what is written. Not synced. For folders that only root can write to.
Result<> write_in_place(const Path& path, std::string_view content);

/// Sees to it that `inside` is a file in the folder `root`, taken as "/" for all links on the way
/// (open_in_root). One that is there is left as it is; a link in its place, wherever it leads, is
/// removed for an empty file. `refused` for anything else.
Result<> make_mount_target(const Path& root, const Path& inside);

}  // namespace drover::system
