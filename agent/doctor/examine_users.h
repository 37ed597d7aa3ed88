// Whether this node can give containers users of their own, and whether those are anybody else's.
#pragma once

#include <vector>

#include "agent/core/config.h"
#include "agent/doctor/finding.h"

namespace drover::doctor {

/// What the node says of its users.
struct UserFiles {
  path most = "/proc/sys/user/max_user_namespaces";  ///< user_namespaces(7)
  path users = "/etc/subuid";                        ///< subuid(5)
  path groups = "/etc/subgid";
};

/// Ranges that shadow has given to users of the node, and the kernel's bound. Faults where each
/// container must have users of its own, else hints.
std::vector<Finding> examine_users(const Config& config, const UserFiles& files = {});

}  // namespace drover::doctor
