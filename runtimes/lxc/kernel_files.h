// The kernel's files in a container of LXC: settings that are its own, and what it may not see or
// change.
#pragma once

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "runtimes/oci/spec.h"

namespace drover::lxc {

/// By "linux.sysctl", "linux.maskedPaths" and "linux.readonlyPaths" of the bundle, in this order:
/// liblxc would write the settings when /proc/sys can no more be written, and masks files by their
/// names only. `root` has the container's /proc and /sys in place. Called in all of the container's
/// namespaces. What is not there is neither masked nor made read-only; a setting that is not there
/// is an error.
Result<> confine_kernel_files(const system::Path& root, const runtimes::Spec& spec);

}  // namespace drover::lxc
