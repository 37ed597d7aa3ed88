// The step that starts a container's program.
#pragma once

#include "agent/jobs/work.h"
#include "runtimes/runtime.h"

namespace drover::jobs {

/// A program is started once: when an agent ended while it did so, the runtime's live state says
/// whether it had come to it. All must outlive the step.
Step start_step(runtimes::Runtime& runtime, const runtimes::Container& container,
                const system::Stop& stop);

}  // namespace drover::jobs
