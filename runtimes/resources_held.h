// How much of what is limited a container uses and cannot give back.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/resources.h"
#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

/// The folder of the group in which `controller` ("memory", as cgroup v1 calls it) bounds the
/// process, on cgroup v1 and v2. None when it cannot be known.
std::optional<system::Path> group_of(pid_t pid, std::string_view controller);
/// The same for several controllers, of what is read once: /proc/PID/cgroup, "" when it has ended.
std::string groups_of(pid_t pid);
std::optional<system::Path> group_in(std::string_view groups, std::string_view controller);

/// Bytes that the control group of the process holds for programs (anonymous and shared memory),
/// without caches, which the kernel drops when it needs to; on cgroup v1 and v2. None when it
/// cannot be known.
std::optional<std::uint64_t> memory_held(pid_t pid);

/// Processes and threads in the control group of the process. None when it cannot be known.
std::optional<std::uint64_t> pids_held(pid_t pid);

/// `conflict` for limits below what the container of this first process holds. The kernel would
/// take them: of memory cgroup v2 ends programs inside until it fits, and with too many processes
/// no program inside can start another any more, often to its end.
Result<> check_held(const std::string& container, pid_t pid, const Resources& limits);

}  // namespace drover::runtimes
