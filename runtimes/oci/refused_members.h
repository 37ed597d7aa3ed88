// What a spec may not give to a container of runc or crun.
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/result.h"

namespace drover::runtimes {

/// `refused` naming the first member of the spec that neither runc nor crun is given, and what to
/// do instead. Of those that it can be given only in part the rest of the code tells
/// (OciRuntime::accepts).
Result<> refuse_oci_members(const ContainerSpec& spec, RuntimeKind kind);

}  // namespace drover::runtimes
