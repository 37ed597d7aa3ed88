// What a spec may not give to a guest of Proxmox.
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/result.h"

namespace drover::runtimes {

/// `refused` naming the first member of the spec that no guest is given, and what to do instead. Of
/// those that it can be given only in part the rest of the code tells (guest_request.h).
Result<> refuse_guest_members(const ContainerSpec& spec);

}  // namespace drover::runtimes
