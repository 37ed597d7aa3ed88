// Watching a program that was just started: whether it is worth keeping.
#pragma once

#include <chrono>

#include "agent/jobs/target.h"

namespace drover::jobs {

/// How long such a program is watched where nobody says: until its probes have succeeded, at most a
/// minute; one without probes for three seconds.
std::chrono::seconds usual_watch(const runtimes::Container& container);

/// Comes back once the container is healthy by its probes; of one without any when its program has
/// run for `most`, or has ended with 0 where its restart policy does not have it run always.
/// `conflict`, saying what it did instead, when it has ended otherwise, is unhealthy, or not
/// healthy within `most`.
Result<> watch_program(Work& work, const Target& target, std::chrono::seconds most);

}  // namespace drover::jobs
