// Which networks and ports of the node a job may use: its interfaces, and the networks that it
// makes, held against "policy.network" of the configuration.
#pragma once

#include <string>
#include <vector>

#include "agent/core/config.h"
#include "agent/core/network_spec.h"
#include "agent/core/result.h"

namespace drover::jobs {

/// `refused` naming the first member, and its value, that the policy does not allow, and the member
/// of the configuration that an admin may change. The node's default bridge is always allowed. It
/// goes by names and numbers alone and looks nowhere.
Result<> admit_interfaces(const Config& config, const std::vector<NetworkSpec>& networks);

/// The same of a network that a job makes: its name, and its address (CIDR; "" for none).
Result<> admit_made_network(const Config& config, const std::string& name,
                            const std::string& address);

}  // namespace drover::jobs
