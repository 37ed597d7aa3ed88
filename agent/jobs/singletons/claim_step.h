// The step that takes the claim of a singleton, before its program starts.
#pragma once

#include <cstdint>

#include "agent/jobs/node.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

/// The attempt that the container is to run as: of one that runs already the one it has, else a new
/// one. 0 for one that is no singleton. `conflict` when another node holds the claim, `unavailable`
/// when etcd does not answer, `refused` on a node that knows of none. In each run of the job anew:
/// a claim may have been lost since the last.
Result<std::int64_t> take_claim(Work& work, const Node& node, runtimes::Runtime& runtime,
                                const runtimes::Container& container);

/// Of steps that are done for one attempt and are done again for another; "" for 0.
std::string subject_of_attempt(std::int64_t attempt);

/// `refused` for a singleton on a node without etcd.
Result<> check_singleton(const Node& node, const ContainerSpec& spec);

}  // namespace drover::jobs
