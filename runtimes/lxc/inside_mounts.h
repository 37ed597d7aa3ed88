// Mounts inside a container of LXC: volumes, folders and files of the node, and memory.
#pragma once

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::lxc {

/// Mounts an element of the OCI configuration's "mounts" below `root`, which is free of links, in
/// the mounts of the calling process. Its place is made where it is missing. What liblxc itself
/// mounts (/proc, /sys, /dev and its pseudo terminals) is left to it. `refused` for a place that
/// the image's links have put into the kernel's folders.
Result<> mount_inside(const system::Path& root, const json::Value& mount);

}  // namespace drover::lxc
