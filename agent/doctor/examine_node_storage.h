// drover-storage, by which the node does with volumes what the API of Proxmox VE does not.
#pragma once

#include <vector>

#include "agent/core/config.h"
#include "agent/doctor/finding.h"
#include "agent/system/clock.h"
#include "proxmox/client.h"

namespace drover::doctor {

/// Where the program is.
path storage_program(const Config& config);

/// A fault where it cannot be run and volumes without a storage's name are on one that needs it, a
/// hint where only jobs may name such. Nothing where no storage of the node does.
std::vector<Finding> examine_node_storage(proxmox::Client& client, const Config& config,
                                          system::Clock& clock, const system::Stop& stop);

}  // namespace drover::doctor
