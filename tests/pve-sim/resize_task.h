// What becomes of PUT /nodes/NODE/lxc/VMID/resize.
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/json.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/tasks.h"

namespace drover::pve_sim {

/// Bytes of "10G" or "1.5M".
std::uint64_t read_size(const std::string& text);

/// What the method and its task look at alike: how large the disk is to become, "+1G" being more
/// than it has.
Result<std::uint64_t> size_after(const Place& place, const json::Object& config,
                                 const std::string& disk, const std::string& size);

Result<> resize_disk(const Place& place, const TaskRequest& request, const TaskLog& log,
                     const system::Stop& stop);

}  // namespace drover::pve_sim
