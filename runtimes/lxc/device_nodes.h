// Nodes of the devices that a container of LXC may use beside the usual ones.
#pragma once

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "runtimes/oci/spec.h"

namespace drover::lxc {

/// Makes those of "linux.devices" of the bundle below `root`, which is free of links; a file or
/// link that stands in the way of one is replaced, a folder is not. Whether they may be used is for
/// the control group to say. `refused` for one outside /dev: roots and volumes are mounted so that
/// device files on them are of no use.
Result<> make_device_nodes(const system::Path& root, const runtimes::Spec& spec);

}  // namespace drover::lxc
