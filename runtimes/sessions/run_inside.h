// run_inside: a program inside a container of LXC that ends with the agent, as those of probes do.
#pragma once

#include "runtimes/runtime.h"
#include "runtimes/sessions/session_plan.h"

namespace drover::runtimes {

/// Descriptors of drover-exec that is called for this: what is to be run, and where it says why it
/// could not be. Both go with the program's begin.
inline constexpr int kInsidePlan = 3;
inline constexpr int kInsideAnswer = 4;

/// As Runtime::exec, by `exec_program`, which is drover-exec: liblxc forks, and what it makes so is
/// for a moment a copy of its caller inside the container. Where it is "" the caller is this one.
Result<int> run_inside(const Path& exec_program, const LxcStart& start, const Sink& out,
                       const Sink& err, const Stop& stop);

}  // namespace drover::runtimes
