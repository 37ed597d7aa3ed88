// The guard of a singleton: ends the container when its claim has, whatever became of the agent.
//
// It is drover-exec, left behind by droverd before the container's program starts, nobody's child,
// as the container's monitor is: it goes on when droverd is killed, stopped by SIGSTOP, or started
// anew. It is told of renewals by the claim's file (claim_file.h), which it reads when the time is
// over that it knows of.
#pragma once

#include <cstdint>
#include <functional>

#include "agent/system/file.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

struct GuardedClaim {
  system::Path claim_file;
  std::int64_t attempt = 0;
  system::Path pid_file;  ///< of the container's first process, whose end is that of all others
};

/// Starts the guard, which is at work when this returns. One for an attempt: it ends when the
/// container does, or the claim's file is of another attempt.
Result<> start_guard(const system::Path& exec_program, const GuardedClaim& guarded,
                     const system::Stop& stop);

/// The guard's own part. `started` is called when it is at work.
void guard_claim(const GuardedClaim& guarded, const std::function<void(const Result<>&)>& started);

}  // namespace drover::runtimes
