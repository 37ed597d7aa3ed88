// Admission: what a node adds to a spec, and what it lets a job ask for.
#pragma once

#include <string>

#include "agent/core/job.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"

namespace drover::jobs {

/// The spec with the node's defaults in place of what the job left open.
ContainerSpec with_defaults(const Node& node, ContainerSpec spec, RuntimeKind kind);

/// The runtime the container gets: the job's own wish, else the node's rules.
RuntimeKind choose_runtime(const Node& node, const std::string& name, const ContainerSpec& spec);

/// Whether the container's runtime would do such a job at all. Loop's thread.
Result<> admit_change(const Node& node, Journal& journal, const JobRequest& request);

/// Whether this node can have guests of Proxmox, and such a one, if the job says what it is like.
Result<> admit_adoption(const Node& node, const JobRequest& request);

/// Whether this node and the storage would do such a job about a volume at all. Loop's thread.
Result<> admit_volume(const Node& node, Journal& journal, const JobRequest& request);

/// Whether this node would make such a container at all: without side effects, so that a job that
/// is never allowed here is refused before it is accepted.
Result<> admit_container(const Node& node, const std::string& name, const ContainerSpec& spec);

}  // namespace drover::jobs
