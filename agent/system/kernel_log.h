// KernelLog: what the kernel's log tells of processes that it has ended for want of memory.
//
// It says so before the process has ended, and its control group may be gone right after: systemd
// removes a scope with its last process. The log forgets its oldest records when there are many.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/system/process.h"

namespace drover::system {

struct EndedForMemory {
  pid_t pid = 0;            ///< as the first pid namespace numbers it
  std::uint64_t at_us = 0;  ///< since boot, by a clock that stands still while the machine sleeps
  bool operator==(const EndedForMemory&) const = default;
};

/// Of one record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg), as "3,1204,59630400145,-;Memory
/// cgroup out of memory: Killed process 27907 (dd) ..." (mm/oom_kill.c); none of any other, also of
/// one that a program has written there.
std::optional<EndedForMemory> ended_for_memory_in(std::string_view record);

/// Whether the log tells it of this process. False also where it is not read or has forgotten it.
/// Any thread; some milliseconds.
bool was_ended_for_memory(const ProcessId& process);

}  // namespace drover::system
