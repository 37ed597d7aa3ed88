// The verbs that change a container there is: one file each.
#pragma once

#include "agent/jobs/node.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

/// Does the job, on its worker's thread. One that an earlier agent had begun is brought to an end
/// that is true: done again where doing it twice is the same as once, else taken back or failed.
Result<json::Value> do_job(Work& work, const Node& node);

Result<json::Value> start_container(Work& work, const Node& node);
Result<json::Value> stop_container(Work& work, const Node& node);
Result<json::Value> kill_container(Work& work, const Node& node);
Result<json::Value> pause_container(Work& work, const Node& node);
Result<json::Value> resume_container(Work& work, const Node& node);
Result<json::Value> exec_in_container(Work& work, const Node& node);
Result<json::Value> delete_container(Work& work, const Node& node);

}  // namespace drover::jobs
