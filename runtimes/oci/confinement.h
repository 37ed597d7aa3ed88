// What every OCI container is confined by, before its job has a say (chosen_confinement.h).
#pragma once

#include <cstdint>

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

/// The user namespace pinned at `space`, in which root is `first` on the node (Container::users).
void give_own_users(Spec& spec, const system::Path& space, std::uint32_t first);

}  // namespace drover::runtimes
