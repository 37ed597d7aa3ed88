// Growth: what a job wants of a container's disks.
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/job_options.h"
#include "agent/core/result.h"
#include "runtimes/runtime.h"

namespace drover::jobs {

/// Whether the job's options name a disk.
bool grows_disks(const JobOptions& options);

/// `refused` where the runtime grows no disks, for a volume that the container does not have, and
/// for less than the books say it has.
Result<> check_growth(const runtimes::Runtime& runtime, const ContainerSpec& spec,
                      const JobOptions& options);

}  // namespace drover::jobs
