// Where in a container volumes and mounts may stand.
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/result.h"

namespace drover::runtimes {

/// `refused` naming a volume or mount whose target is the root itself, /dev, or lies in /proc or
/// /sys, which are the kernel's. For runc, crun and lxc.
Result<> check_volume_targets(const ContainerSpec& spec, RuntimeKind kind);

}  // namespace drover::runtimes
