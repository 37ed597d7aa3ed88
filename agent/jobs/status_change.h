// Changes of a container's status, from whoever saw them: a verb, an exit file, the reconciler.
#pragma once

#include <optional>
#include <string>

#include "agent/jobs/journal/books.h"
#include "runtimes/container.h"

namespace drover::jobs {

/// Writes and tells that the container is in `status` now. One that is already so by the journal,
/// or is not in it, costs nothing: of two who saw the same end the second is silent. Loop's thread.
/// `job`: that caused it, "" for none.
Result<> note_status(Books& books, const std::string& name, Status status,
                     const std::optional<Exit>& exit, const std::string& job);

/// Holds what the runtime says of a container against the journal and notes a difference.
/// Containers that a job is making or deleting are left to that job. `state`: none when the runtime
/// does not have it. Loop's thread.
Result<> note_observed(Books& books, const std::string& name,
                       const std::optional<runtimes::State>& state);

}  // namespace drover::jobs
