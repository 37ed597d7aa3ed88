// Which jobs change something in Proxmox, and so want its cluster to have a quorum.
#pragma once

#include "agent/core/job.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/jobs/reconcile/inventory.h"

namespace drover::jobs {

/// Whether the job, should it begin now, changes a guest, a volume or a network of Proxmox. To end,
/// freeze and look at a guest needs nothing of it, nor does what runs on the node alone. Loop's
/// thread.
Result<bool> needs_quorum(Journal& journal, const Node& node, const JobRequest& request);
/// The same of taking away what is leaked. Any thread.
bool needs_quorum(const Node& node, const Thing& thing);

}  // namespace drover::jobs
