// What a container's spec needs of the node it is placed on.
#pragma once

#include "agent/core/container_spec.h"
#include "messaging/dispatch/job_needs.h"

namespace drover::dispatch {

/// Its limits of CPUs and memory, the disk of its root and of the volumes it makes, its runtime,
/// and the storages and bridges that it names. What it leaves to the node it does not need;
/// storages that every node makes by itself (is_local_storage) are not asked for. Of names the
/// first 16: the node's own admission has the last word anyway.
JobNeeds needs_of(const ContainerSpec& spec);

}  // namespace drover::dispatch
