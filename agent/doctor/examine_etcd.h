// Whether the node can ask etcd for the claims of singletons.
#pragma once

#include <vector>

#include "agent/core/config.h"
#include "agent/doctor/finding.h"

namespace drover::doctor {

/// About "etcd", where any is configured: one question to its members, which takes some seconds
/// when none answers.
std::vector<Finding> examine_etcd(const Config& config);

}  // namespace drover::doctor
