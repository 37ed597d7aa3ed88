// The control group of a container.
#pragma once

#include <sys/types.h>

#include <string>

#include "agent/core/ids.h"
#include "agent/core/result.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

/// What the bundle names, because each runtime has another idea of a default: "/drover/NAME" below
/// the root of each hierarchy, outside the agent's unit, so that its end harms nobody. Under
/// systemd runc insists on "SLICE:PREFIX:NAME", and the scope is drover-NAME.scope.
std::string cgroup_of(const ContainerName& name, bool systemd);
/// The group that becomes of it, below the root of each hierarchy.
std::string cgroup_path_of(const ContainerName& name, bool systemd);

/// Whether the process is in the group of this container, however that was made.
bool is_in_cgroup(pid_t pid, const ContainerName& name);

/// Whether the kernel has ended a process in the group `cgroup` (cgroup_path_of) for want of
/// memory. False when the group is gone, as one of systemd's may be soon after its last process has
/// ended.
bool had_lack_of_memory(const std::string& cgroup);

/// SIGKILL to every process in the group `cgroup` (cgroup_path_of), of each hierarchy.
void end_group(const std::string& cgroup);

/// Removes the group `cgroup` (cgroup_path_of) from each hierarchy, on cgroup v1 and v2, after
/// waiting a moment for processes in it that are ending. One that something lives on in is left.
/// For what a runtime had begun and was killed in; whole containers are removed by their runtime.
Result<> remove_cgroup(const std::string& cgroup, const system::Stop& stop);

}  // namespace drover::runtimes
