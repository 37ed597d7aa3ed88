// The steps that start a container's program: of one that was only created, that has ended, or
// whose runtime, mounts and network a reboot has taken away.
#pragma once

#include <cstdint>

#include "agent/jobs/target.h"

namespace drover::jobs {

/// Fills in `target.record` what had to be made again. `conflict` when it runs. The container is
/// wanted running from here on. `steps_before`: that the job has done already.
Result<> start_program(Work& work, const Node& node, Target& target, std::int64_t steps_before);

/// Mounts again, and joins networks again, what a reboot has taken away of one whose runtime is to
/// have it made; fills in `target.record`. Nothing is done where all is there.
Result<> mount_missing(Work& work, const Node& node, Target& target);

inline constexpr const char* kRestoreStep = "runtime.restore";
/// The same of one whose processes go on where they were written to the disk.
Result<> restore_program(Work& work, const Node& node, Target& target,
                         runtimes::Checkpoints& source);

/// Of a start that did not come to its end: what it has started ends when the job `was_stopped`, by
/// a cancel or its deadline, and its wish is given back.
Result<> undo_start(Work& work, const Target& target, bool was_stopped);
/// One that does not run after all is wanted what it was before the job: one that was stopped stays
/// so, also for its restart policy.
Result<> give_wish_back(Work& work, const Target& target);

/// Of a job that had to end the program, or had Proxmox do it, and did not come to its end: a
/// container that `ran` before runs again, and its status is noted.
Result<> bring_back(Work& work, const Target& target, bool ran);

/// How many steps `start_program` takes with the container as it is now, for Work::plan.
std::int64_t steps_to_start(const Target& target);

}  // namespace drover::jobs
