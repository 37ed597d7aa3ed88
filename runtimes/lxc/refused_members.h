// What a spec may not give to a container of LXC.
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/result.h"

namespace drover::runtimes {

/// `refused` naming the first member of the spec that LXC is not given, and what to do instead. Of
/// those that it can be given only in part the rest of the code tells (LxcRuntime::accepts).
Result<> refuse_lxc_members(const ContainerSpec& spec);

}  // namespace drover::runtimes
