// LackOfMemory: whether want of memory was a container's end.
//
// Three know of it, and none always: conmon, which looks when the kernel tells it to; the control
// group, which systemd removes with its last process, often before conmon has looked; and the
// kernel's log, which forgets.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "agent/system/file.h"
#include "agent/system/process.h"
#include "runtimes/exit_file.h"

namespace drover::runtimes {

struct EndedProcess {
  const system::Path& bundle;    ///< where conmon stands, and leaves a file "oom"
  const system::Path& pid_file;  ///< of the first process
  std::string cgroup;            ///< cgroup_path_of
};

/// Any thread.
class LackOfMemory {
 public:
  /// Of a container that has ended with `exit`: whether the kernel has ended its first process for
  /// want of memory. That of another process in it, and a SIGKILL of ours (kKilledNote), is not
  /// that.
  bool was_end_of(const EndedProcess& ended, const Exit& exit);

 private:
  /// The log is long, and a container may be ended for weeks: it is asked once of each. Nothing is
  /// noted beside the bundle, which somebody may be removing.
  bool ask_kernel(const system::ProcessId& process);

  std::mutex mutex_;
  std::map<std::pair<pid_t, std::uint64_t>, bool> asked_;
};

}  // namespace drover::runtimes
