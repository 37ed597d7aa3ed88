// Which images a root can be made of.
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/result.h"

namespace drover::runtimes {

/// `refused` for a spec without rootfs whose image is no layout, archive, template or image of a
/// registry.
/// For runc, crun and lxc.
Result<> check_root_image(const ContainerSpec& spec, RuntimeKind kind);

}  // namespace drover::runtimes
