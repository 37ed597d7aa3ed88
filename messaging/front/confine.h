// confine: what the front may ask of the kernel from then on.
#pragma once

#include "agent/core/result.h"

namespace drover::messaging {

/// For all threads of this process, and for good: it sends and receives, opens sockets of this
/// machine and of IP, and gives back memory and descriptors. It opens no file, makes no process or
/// thread and no memory that can be run. What it may not is answered with EPERM; a program that is
/// to be run in its place ends it (SIGSYS). Call it once every thread was made. `broken` where the
/// kernel cannot filter.
Result<> confine();

}  // namespace drover::messaging
