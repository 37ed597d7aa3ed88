// Whether the API's user has been granted what jobs need.
#pragma once

#include <vector>

#include "agent/doctor/finding.h"
#include "agent/doctor/needed_privileges.h"
#include "proxmox/client.h"

namespace drover::doctor {

/// A fault when something is missing that the configuration needs, and for each kind of jobs that
/// would be refused a finding that is none. Each has the commands that grant what it names, and no
/// more than that: of what the user has already all stays.
std::vector<Finding> examine_privileges(proxmox::Client& client, const std::vector<Need>& needed,
                                        const system::Stop& stop);

}  // namespace drover::doctor
