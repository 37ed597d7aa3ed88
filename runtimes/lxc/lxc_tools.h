// What LXC tells and does of a running container, whoever made it: ours and guests of Proxmox. The
// tools are run and not linked where they can block: a stop then ends them.
#pragma once

#include <sys/types.h>

#include "agent/core/container_status.h"
#include "agent/core/result.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"
#include "runtimes/lxc/process_settings.h"
#include "runtimes/runtime.h"

namespace drover::runtimes {

struct LxcLife {
  Status status = Status::unknown;
  pid_t init = 0;  ///< 0 when it has none
};

/// The live state of container `name` below `lxc_path` (lxc-info(1)). `not_found` when LXC does not
/// know it, as before its first start.
Result<LxcLife> lxc_life(const system::Path& lxc_path, const std::string& name, const Stop& stop);
/// A pidfd of its first process, by the monitor that is its parent: never of another one that has
/// got its number meanwhile. `conflict` when it has none. Its command socket answers at once, or
/// not at all where the monitor hangs; ask for `lxc_life` before.
Result<system::UniqueFd> lxc_open_init(const system::Path& lxc_path, const std::string& name);
Result<> lxc_freeze(const system::Path& lxc_path, const std::string& name, const Stop& stop);
Result<> lxc_thaw(const system::Path& lxc_path, const std::string& name, const Stop& stop);
/// The request of a program with a terminal, with what that can where its variables do not say.
ExecRequest with_usual_terminal(ExecRequest request);
/// Runs a program inside, as Runtime::exec. A user is "uid" or "uid:gid"; a name is `refused`.
Result<int> lxc_exec(const system::Path& lxc_path, const std::string& name,
                     const ExecRequest& request, const Sink& out, const Sink& err, const Stop& stop,
                     const ProcessSettings& settings = {});

}  // namespace drover::runtimes
