// What stands inside a container of LXC before its program starts: mounts, devices, the kernel's
// files as it may see them, its working folder, and the program itself.
#pragma once

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::lxc {

/// Run by liblxc as the hook "mount" (lxc.container.conf(5)), in the container's own mounts, with
/// all of liblxc's mounts in place below `root` and before it becomes "/".
///
/// liblxc itself would make the folder of a mount by its name on the node, following the image's
/// links, and enter a working folder that is a link to one of the files it has open (/proc/self/fd,
/// as in CVE-2024-21626). So both are done here, where every link ends inside `root` and those of
/// /proc lead nowhere. `home` is the container's folder below lxcpath. `refused` for what would
/// stand in the way of the kernel's own folders, `invalid` for a program that is not there.
Result<> prepare_root(const system::Path& root, const system::Path& home);

/// Where `prepare_root` leaves why it failed, because liblxc keeps only that it did.
system::Path prepare_error(const system::Path& home);

}  // namespace drover::lxc
