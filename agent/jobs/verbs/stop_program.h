// The steps that end a container's program.
#pragma once

#include <chrono>
#include <optional>

#include "agent/jobs/target.h"

namespace drover::jobs {

/// The container's own, else its image's, else what its runtime has for its kind of program.
int stop_signal_of(const Target& target);

/// What the job asks for, else the container's own.
std::chrono::seconds grace_of(const JobRequest& request, const runtimes::Container& container);

/// Its stop signal, and SIGKILL after `grace`. Returns how it ended, also when that was before; one
/// whose program was never started is left as it is, and none returned. The container is wanted
/// stopped from here on where somebody wishes it.
Result<std::optional<Exit>> stop_program(Work& work, const Target& target,
                                         std::chrono::seconds grace, bool wished);

/// The same for one that shall be started again: none also for one that its runtime has no more, as
/// after a reboot.
Result<std::optional<Exit>> stop_started_program(Work& work, const Target& target,
                                                 std::chrono::seconds grace);

/// Of a job that was to stop a program and has failed: one that runs on is wanted running again,
/// and no status is left that only a job in progress has.
Result<> undo_stop(Work& work, const Target& target);

/// Of a job that is taken back: ends the program that it has started, which no cancel of the job
/// stops.
Result<> end_program(Work& work, const Target& target, std::chrono::seconds grace);

}  // namespace drover::jobs
