// wait_for: waits for one descriptor, a deadline or a stop.
#pragma once

#include <chrono>

#include "agent/core/result.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

/// True once `fd` is readable (a pidfd: the process has ended) or at its end, false at the
/// deadline, `cancelled` on `stop`.
Result<bool> wait_for(int fd, const system::Stop& stop,
                      std::chrono::steady_clock::time_point deadline);

}  // namespace drover::runtimes
