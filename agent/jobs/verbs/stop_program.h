// The steps that end a container's program.
#pragma once

#include <chrono>
#include <optional>

#include "agent/jobs/target.h"

namespace drover::jobs {

/// The container's own, else its image's, else SIGTERM.
int stop_signal_of(const runtimes::Container& container);

/// What the job asks for, else the container's own.
std::chrono::seconds grace_of(const JobRequest& request, const runtimes::Container& container);

/// Its stop signal, and SIGKILL after `grace`. Returns how it ended, also when that was before. The
/// container is wanted stopped from here on where somebody wishes it.
Result<Exit> stop_program(Work& work, const Target& target, std::chrono::seconds grace,
                          bool wished);

/// The same for one that shall be started again: one whose program was never started is left as it
/// is, and so is one that its runtime has no more, as after a reboot. None then.
Result<std::optional<Exit>> stop_started_program(Work& work, const Target& target,
                                                 std::chrono::seconds grace);

}  // namespace drover::jobs
