// What the node's policy lets jobs loosen.
#pragma once

#include <vector>

#include "agent/core/config.h"
#include "agent/doctor/finding.h"

namespace drover::doctor {

/// One finding for each member of the section "policy" that lets jobs take away from isolation,
/// which is no fault; and a fault for each folder in it that is not there, or that others than root
/// may change where profiles are taken from.
std::vector<Finding> examine_policy(const Config& config);

}  // namespace drover::doctor
