// How much memory a container cannot give back.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "agent/core/resources.h"
#include "agent/core/result.h"

namespace drover::runtimes {

/// Bytes that the control group of the process holds for programs (anonymous and shared memory),
/// without caches, which the kernel drops when it needs to; on cgroup v1 and v2. None when it
/// cannot be known.
std::optional<std::uint64_t> memory_held(pid_t pid);

/// `conflict` for a limit below what the container holds: cgroup v2 would take it and end programs
/// inside until it fits.
Result<> check_memory_limit(const std::string& container, pid_t pid, std::uint64_t memory_mib);

}  // namespace drover::runtimes
