// Undo: takes back what a job's steps have made on the node.
#pragma once

#include "agent/jobs/container_record.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

/// Takes back all steps of the job that made `record`, last first, and journals each. A step that
/// had only been begun is looked up on the node by the job's stamp. It goes on after a failure, so
/// that as little as possible is left behind, and returns the first one. Ends early on `stop` only;
/// what is left can be taken back by another call.
Result<> undo_all(Work& work, const Node& node, const ContainerRecord& record,
                  const system::Stop& stop);

}  // namespace drover::jobs
