// What is mounted in an OCI container beside its root and the kernel's file systems.
#pragma once

#include "runtimes/container.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// Its volumes, the mounts that its job asks for and its secrets, those nearer to the root first,
/// so that none covers another. Without set-user-ID, devices and, where it is memory, programs.
/// `secrets`: the folder below which they are laid out (secret_files.h).
void add_container_mounts(Spec& spec, const Container& container, const Path& secrets);

}  // namespace drover::runtimes
