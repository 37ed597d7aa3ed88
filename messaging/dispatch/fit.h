// Fit: whether a job can be on a node, and if not, why.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "messaging/dispatch/job_needs.h"
#include "messaging/dispatch/node_facts.h"

namespace drover::dispatch {

/// What of a node's capacity no container has; never below 0.
Capacity free_of(const NodeFacts& node);

/// Whether the node fits what the job needs. With `why_not` every reason against it is added there,
/// each a sentence about the node without its name: "is drained"; without, the first one ends it.
/// What stands here is what the node has said last: its own admission has the last word.
bool fits(const JobNeeds& needs, const NodeFacts& node,
          std::vector<std::string>* why_not = nullptr);

/// How many of the node's containers these labels mean.
std::size_t containers_that_fit(const LabelExpression& labels, const NodeFacts& node);

/// Counts the job's container as one of the node's, until the node says so itself.
void reserve(NodeFacts& node, const JobNeeds& needs, ContainerFacts container);

}  // namespace drover::dispatch
