// run_detached: what a program does that leaves a monitor behind and tells how its start went.
#pragma once

#include <functional>
#include <initializer_list>

#include "agent/core/result.h"

namespace drover::system {

/// Calls it once, when it has begun or with why it could not; further calls are ignored.
using Started = std::function<void(const Result<>&)>;

/// Runs `monitor` in a process that is nobody's child, in a session of its own, with standard
/// input, output and error of /dev/null; other descriptors it has as they are. `its_own` are the
/// monitor's alone: the calling process, which may be slow to end, closes them. Returns what that
/// is to end with, once the monitor has said how its start went: 0, or 1 with why on standard
/// error. For programs of one thread.
int run_detached(const std::function<void(const Started& started)>& monitor,
                 std::initializer_list<int> its_own = {});

}  // namespace drover::system
