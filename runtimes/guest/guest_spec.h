// From a guest's configuration to the spec of a container that is as it is.
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/json.h"

namespace drover::runtimes {

/// Of a guest whose spec nobody here knows: its limits, interfaces and volumes ("mp0", "mp1"), and
/// its hostname. What it was made of it does not tell.
ContainerSpec spec_of_guest(const json::Value& config);

}  // namespace drover::runtimes
