// What the reconciler mends of a container, it mends while no job about that can begin.
#pragma once

#include <functional>
#include <string>

#include "agent/jobs/journal/books.h"
#include "agent/jobs/supervisor.h"

namespace drover::jobs {

/// Reconciler's thread. Calls `mend` and returns what it does; nothing is done where a job is about
/// the container, or the journal has none of that name: that is left for the next look.
Result<> while_held(Books& books, Supervisor& supervisor, const std::string& container,
                    const std::function<Result<>()>& mend);

}  // namespace drover::jobs
