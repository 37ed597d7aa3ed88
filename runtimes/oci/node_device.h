// NodeDevice: a device of the node that a container is given, or whose use by it is bounded.
#pragma once

#include <sys/types.h>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

struct NodeDevice {
  bool is_block = false;  ///< else a character device
  unsigned major = 0;
  unsigned minor = 0;
  mode_t mode = 0;  ///< permissions only
  uid_t uid = 0;
  gid_t gid = 0;
};

/// The device at `path`, links followed, as those of /dev/disk are. It is not opened, which has
/// effects with some. `not_found` when nothing is there, `refused` when it is no device.
Result<NodeDevice> find_node_device(const system::Path& path);

}  // namespace drover::runtimes
