// lxc_attach: begins a program inside a running container of LXC. lxc-attach(1) would leave it
// running when it is stopped, and cannot set its working folder, so this one verb is liblxc's own.
#pragma once

#include <sys/types.h>

#include <string>

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "runtimes/exec_sessions.h"
#include "runtimes/lxc/process_settings.h"

namespace drover::runtimes {

/// Descriptors of this process that the program gets as its own; in all three the same terminal, or
/// none.
struct AttachedStreams {
  int in = -1;
  int out = -1;
  int err = -1;
};

/// Its pid, of a child of this process that leads a session of its own and is killed when the
/// calling thread ends. One that cannot be run ends with 127 or 126, as a shell's. A user is "uid"
/// or "uid:gid"; a name is `refused`.
Result<pid_t> lxc_attach(const system::Path& lxc_path, const std::string& name,
                         const ExecRequest& request, const ProcessSettings& settings,
                         const AttachedStreams& streams);

}  // namespace drover::runtimes
