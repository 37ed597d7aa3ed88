// Draining: a node that takes no new containers, until it is undrained.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/core/job.h"
#include "agent/jobs/journal/books.h"

namespace drover::jobs {

struct Drained {
  std::int64_t since_unix_ms = 0;
  std::string job;  ///< that asked for it; "" when that was forgotten with a lost journal
};

/// All belong to the loop's thread. None for a node that takes containers.
Result<std::optional<Drained>> drained(Journal& journal);

/// Writes that it is, as one was whose journal was lost, and tells nobody.
Result<> set_drained(Journal& journal, const Drained& drained);

/// Writes that the node takes no more and tells so. Drained already is success, and told by nobody.
Result<> drain_node(Books& books, const JobRequest& request, std::int64_t now_unix_ms);
Result<> undrain_node(Books& books, const JobRequest& request);

/// The containers that run, or will by a job that waits already, by name.
Result<std::vector<std::string>> containers_to_stop(Journal& journal);

/// `conflict` for a job that would make or start a container on a node that is drained or in
/// maintenance, and `invalid` for one about a node of another name.
Result<> admit_to_node(Journal& journal, const std::string& node, const JobRequest& request);

}  // namespace drover::jobs
