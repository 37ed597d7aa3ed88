// What an OCI configuration's linux.resources says of a container's limits.
#pragma once

#include "agent/core/json.h"
#include "agent/core/resources.h"
#include "agent/core/result.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// "memory", "cpu", "pids" and "hugepageLimits" of linux.resources; what has no limit is left out.
json::Object limits_of(const Resources& whole);
/// Its "blockIO", empty where nothing is bounded. The disks are looked for on the node.
Result<json::Object> block_io_of(const IoLimits& limits);
/// Whether the kernel can limit swap: on cgroup v1 that is a boot option (swapaccount=1).
bool can_limit_swap();
/// `refused` naming the limit that cannot be held on this node: swap where nothing bounds memory,
/// or where the kernel cannot limit it.
Result<> check_limits(const Resources& whole, std::string_view runtime);
/// Puts those of limits_of in place of those that the configuration has.
void set_limits(Spec& spec, const Resources& whole);

}  // namespace drover::runtimes
