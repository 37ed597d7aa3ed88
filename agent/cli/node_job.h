// Jobs about the node itself, which has one name and needs none.
#pragma once

#include "agent/cli/command.h"
#include "agent/cli/job_flags.h"
#include "agent/core/job_options.h"

namespace drover::cli {

struct NodeJob {
  json::Value before;          ///< the node as it was (docs/queries.md, query.node)
  Result<json::Value> result;  ///< what the job gave, or failed with
};

/// Submits the job and waits for its end.
Result<NodeJob> run_node_job(Session& session, messaging::Client& client, Verb verb,
                             const JobOptions& options, const JobFlags& flags);

}  // namespace drover::cli
