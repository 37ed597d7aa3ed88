// Limits that are written into a container's control groups by Drover itself: runc's `update` takes
// neither the rates of disks nor huge pages (runc 1.1, update.go), and no runtime takes back a set
// of CPUs or a weight that was given before.
#pragma once

#include <sys/types.h>

#include <optional>

#include "agent/core/resources.h"
#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

/// The folders of a container's groups; none where its limits are bounded by nothing.
struct GroupFolders {
  std::optional<system::Path> cpu;
  std::optional<system::Path> cpuset;
  std::optional<system::Path> blkio;
  std::optional<system::Path> hugetlb;
};

/// Of the container of this first process, on cgroup v1 and v2.
GroupFolders group_folders(pid_t pid);

/// Rates of disks, huge pages, and where `whole` names none, all CPUs and the usual weights. What
/// the groups bound and `whole` does not is unbounded then. `broken` when the kernel does not take
/// a value, `refused` for what it bounds nowhere.
Result<> set_group_limits(const GroupFolders& groups, const Resources& whole);

}  // namespace drover::runtimes
