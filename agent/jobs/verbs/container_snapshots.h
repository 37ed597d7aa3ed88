// What the verbs about a container's snapshots share.
#pragma once

#include <string>

#include "agent/jobs/target.h"
#include "runtimes/snapshots.h"

namespace drover::jobs {

/// `refused` when the container's runtime keeps none. Intake has refused the job already, unless
/// the container was made while it waited.
Result<runtimes::Snapshots*> snapshots_of(const Work& work, const Target& target);

/// Writes down which snapshots, limits and sizes of disks the container has, as its runtime tells
/// now, and tells `event` ("" for none) of the job's snapshot. Queries show what was written: they
/// cannot wait for Proxmox.
Result<> keep_snapshots(Work& work, const Target& target, runtimes::Snapshots& source,
                        const std::string& event, const system::Stop& stop);

}  // namespace drover::jobs
