// The FIFO "ctl" of a bundle, on which conmon is told things.
#pragma once

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

/// Where conmon is told; invalid when nobody listens: it has ended. Non-blocking.
Result<system::UniqueFd> open_control(const system::Path& bundle);

}  // namespace drover::runtimes
