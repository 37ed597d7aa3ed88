// Undo: takes back what a job's steps have made on the node.
#pragma once

#include "agent/jobs/container_record.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

/// Takes back one step of the job that made `record`. A step that had only been begun is looked up
/// on the node by the job's stamp. Nothing there is success.
Result<> undo_step(const Node& node, const ContainerRecord& record, const StepRow& step,
                   const system::Stop& stop);

/// Takes back all steps of the job that made `record`, last first, and journals each. It goes on
/// after a failure, so that as little as possible is left behind, and returns the first one. Ends
/// early only when the agent does.
Result<> undo_all(Work& work, const Node& node, const ContainerRecord& record);

}  // namespace drover::jobs
