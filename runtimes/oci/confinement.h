// What every OCI container is confined by, whatever its job asks.
#pragma once

#include "agent/core/result.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// The kernel file systems of a container: proc, dev with pts, shm and mqueue, and sys and cgroup
/// read-only.
void add_kernel_mounts(Spec& spec);

/// Gives `user` the capabilities of Podman's default; one who is not root gets them as bounding set
/// only.
void set_capabilities(Spec& spec, const ImageUser& user);

/// New namespaces of all kinds but user and, where `netns` names one, network; no new privileges,
/// no devices but the usual ones, and kernel files masked or read-only.
void confine(Spec& spec, const system::Path& netns);

/// Sets the filter in `profile`, a file that holds the member "linux.seccomp" of the OCI runtime
/// specification. `invalid` for one of Docker's profiles, whose members runc and crun do not know.
Result<> add_seccomp(Spec& spec, const system::Path& profile);

}  // namespace drover::runtimes
