// What every OCI container is confined by, before its job has a say (chosen_confinement.h).
#pragma once

#include "agent/core/result.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// The kernel file systems of a container: proc, dev with pts, shm and mqueue, and sys and cgroup
/// read-only.
void add_kernel_mounts(Spec& spec);

/// Of devices none but those that each container has.
void deny_devices(Spec& spec);

/// New namespaces of all kinds but user and, where `netns` names one, network; no devices but the
/// usual ones, and kernel files masked or read-only.
void confine(Spec& spec, const system::Path& netns);

}  // namespace drover::runtimes
