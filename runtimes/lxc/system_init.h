// Whole systems in a container of LXC: which kind of init its program is, and what that wants.
#pragma once

#include <string>
#include <vector>

#include "agent/system/file.h"

namespace drover::runtimes {

enum class InitSystem {
  none,     ///< any other program: an application
  systemd,  ///< ends in good order by SIGRTMIN+3 (systemd(1))
  other,    ///< System V's or busybox's init: by SIGPWR (init(8), and busybox's init.c)
};

/// What `args` start as the first process of `root`, by what the name of the program leads to
/// there: "/sbin/init" is a link to systemd or busybox, or is System V's itself. Without arguments
/// only, and by its absolute name; a root that is not there has none.
InitSystem init_system_of(const system::Path& root, const std::vector<std::string>& args);

/// What ends it in good order; SIGTERM of an application, which an init takes for something else.
int usual_stop_signal(InitSystem init);

}  // namespace drover::runtimes
