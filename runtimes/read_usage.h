// Reads what a container uses, from the files of its control groups and of its first process.
#pragma once

#include <optional>

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"
#include "runtimes/usage.h"

namespace drover::runtimes {

/// The folders of the groups that count for a container: on cgroup v2 all the same one, of v1 one
/// of each controller's hierarchy. None of a controller that this node has not.
struct UsageFolders {
  std::optional<system::Path> cpu;
  std::optional<system::Path> cpuacct;  ///< v1 only counts time there
  std::optional<system::Path> memory;
  std::optional<system::Path> pids;
  std::optional<system::Path> io;
};

/// What the groups tell, without "networks". Which version a folder is of, its files say.
Usage usage_of_groups(const UsageFolders& folders);

/// Of the container whose first process this pidfd means. Nothing is entered and no program run:
/// the figures of its interfaces are those of /proc/PID/net/dev. `not_found` when the process has
/// ended before all was read.
Result<Usage> usage_of(const system::UniqueFd& first_process);

}  // namespace drover::runtimes
