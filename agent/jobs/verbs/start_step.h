// The step that starts a container's program.
#pragma once

#include <optional>

#include "agent/jobs/work.h"
#include "runtimes/runtime.h"

namespace drover::jobs {

/// A program is started once: when an agent ended while it did so, the runtime's live state says
/// whether it had come to it. One that had `ended` before, and is found ended, has been started
/// only if its end is another one, which not every runtime can tell. All references must outlive
/// the step.
Step start_step(runtimes::Runtime& runtime, const runtimes::Container& container,
                std::optional<Exit> ended, const system::Stop& stop);

}  // namespace drover::jobs
