// Places inside a container's root for what drover-lxc puts there, found and made without following
// a link of the image out of it.
#pragma once

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::lxc {

/// What stands there, opened with O_PATH, and its name on the node, free of links.
struct Place {
  system::UniqueFd fd;
  system::Path path;
};

/// The folder `inside` of `root`, made where it is missing.
Result<Place> make_folder_place(const system::Path& root, const system::Path& inside);
/// The same of what is not a folder: where nothing stands an empty file is made.
Result<Place> make_file_place(const system::Path& root, const system::Path& inside);

/// Part by part: "/proc2" is not below "/proc".
bool is_below(const system::Path& path, const system::Path& folder);
/// `refused` when it is in a folder where only the kernel's own files stand. `root` is free of
/// links.
Result<> check_not_kernels(const system::Path& root, const system::Path& place);

}  // namespace drover::lxc
