// Who may have what a volume holds.
#pragma once

#include <string>

#include "tests/pve-sim/permissions.h"

namespace drover::pve_sim {

/// Why somebody may not use a volume, for the guest `vmid` or for none (""); "" when he may.
std::string volume_refusal(const std::string& volid, const std::string& vmid, const Has& has);

/// Why somebody may not delete it.
std::string deletion_refusal(const std::string& volid, const Has& has);

}  // namespace drover::pve_sim
