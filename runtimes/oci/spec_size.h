// How much of its configuration a container's spec may take.
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/result.h"

namespace drover::runtimes {

/// `refused` naming the largest of the members of a job's spec that have no other bound (env,
/// command, args, annotations, sysctls, oci) where they take more than half of what is read back of
/// an OCI configuration (Spec::kMostBytes), as that is written. The other half is the image's, and
/// the filter's of system calls.
Result<> check_spec_size(const ContainerSpec& spec, RuntimeKind kind);

}  // namespace drover::runtimes
