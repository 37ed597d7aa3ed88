// A process named so that a reused pid is never taken for it.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

/// A pid with its start time in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)).
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  bool operator==(const ProcessId&) const = default;
};

/// The start time of the process that has `pid` now; `not_found` when there is none.
Result<std::uint64_t> start_time_of(pid_t pid);

/// A pidfd of exactly this process: readable when it has ended. `not_found` when it has already,
/// also when another one has its pid by now.
Result<UniqueFd> open_process(const ProcessId& process);

/// The number of the process that a pidfd means, by /proc/self/fdinfo; `not_found` when it has
/// ended and was reaped, or has ended and waits for that.
Result<pid_t> pid_of(const UniqueFd& process);

}  // namespace drover::system
