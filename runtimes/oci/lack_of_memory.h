// LackOfMemory: whether want of memory was a container's end.
//
// Three know of it, and none always: conmon, which looks when the kernel tells it to; the control
// group, which systemd removes with its last process, often before conmon has looked; and the
// kernel's log, which forgets. So what was found is noted beside the bundle.
#pragma once

#include <string>

#include "agent/system/file.h"
#include "runtimes/exit_file.h"

namespace drover::runtimes {

struct EndedProcess {
  const system::Path& bundle;    ///< where conmon stands, and leaves a file "oom"
  const system::Path& pid_file;  ///< of the first process
  std::string cgroup;            ///< cgroup_path_of
};

/// Of a container that has ended with `exit`: whether the kernel has ended its first process for
/// want of memory. That of another process in it, and a SIGKILL of ours (kKilledNote), is not that.
bool ended_for_memory(const EndedProcess& ended, const Exit& exit);

}  // namespace drover::runtimes
