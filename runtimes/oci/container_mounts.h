// What is mounted in an OCI container beside its root and the kernel's file systems.
#pragma once

#include "runtimes/container.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// Its volumes and the mounts that its job asks for, those nearer to the root first, so that none
/// covers another. Without set-user-ID, devices and, where it is memory, programs.
void add_container_mounts(Spec& spec, const Container& container);

}  // namespace drover::runtimes
