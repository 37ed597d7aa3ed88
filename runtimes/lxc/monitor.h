// The monitor of one LXC container: drover-lxc after it has detached itself.
#pragma once

#include <functional>
#include <string>

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "runtimes/log_rotation.h"

namespace drover::lxc {

struct MonitorPlan {
  system::Path lxc_path;
  std::string name;
  system::Path hook_folder;  ///< where the hook of the start leaves why it failed
  system::Path log;          ///< gets what the container prints
  runtimes::LogBounds log_bounds;
  bool journal = false;    ///< the node's journal gets it as well
  system::Path exit_file;  ///< gets its exit code
  system::Path pid_file;   ///< gets the pid of its first process
  bool input = false;      ///< its program reads what comes by the socket
  bool terminal = false;   ///< and has a terminal, whose size comes by the socket
  /// That socket (sessions/session_socket.h); -1 where it has neither.
  int listener = -1;
};

/// Starts the container below this process and stays until it has ended. `started` is called once:
/// when its program runs, or with why it does not.
void run_monitor(const MonitorPlan& plan, const std::function<void(const Result<>&)>& started);

}  // namespace drover::lxc
