// Limits of a container, and what a job changes of them.
#pragma once

#include "agent/core/resources.h"

namespace drover::jobs {

/// `limits` with what `wish` names in their place; what is 0 there stays, and so do disks, which
/// are no limits but grow (growth.h).
Resources with_changes(Resources limits, const Resources& wish);

}  // namespace drover::jobs
