// Growth: what a job wants of a container's disks.
#pragma once

#include <string>

#include "agent/core/job_options.h"
#include "agent/core/result.h"
#include "agent/jobs/container_record.h"
#include "agent/jobs/node.h"

namespace drover::jobs {

/// Whether the job's options name a disk.
bool grows_disks(const JobOptions& options);

/// `refused` for a volume that keeps to no size, and where only this node's own PVE::Storage could
/// grow it, and is not there.
Result<> check_grows(const Node& node, const runtimes::Volume& volume, const std::string& what);

/// `refused` where the runtime grows no such disks, for a volume that does not go with the
/// container, for one whose storage cannot grow it, and for less than the books say it has.
Result<> check_growth(const Node& node, const ContainerRecord& record, const JobOptions& options);

}  // namespace drover::jobs
