// How drover-exec begins the program that it stays with.
#pragma once

#include <sys/types.h>

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"
#include "runtimes/sessions/session_files.h"
#include "runtimes/sessions/session_plan.h"

namespace drover::exec {

/// A child of this process.
struct BegunProgram {
  pid_t pid = 0;
  system::UniqueFd in{};   ///< to write to its standard input; invalid when it reads /dev/null
  system::UniqueFd out{};  ///< to read what it prints; of one with a terminal all of it
  system::UniqueFd err{};
  /// Of one with a terminal: the terminal's master. `in` and `out` are the same.
  system::UniqueFd terminal{};
  /// Its other end, so that the master stays usable while nothing inside has it open.
  system::UniqueFd slave{};
};

/// By runc or crun; this process has to be a subreaper (prctl(2)).
Result<BegunProgram> begin_by_oci(const runtimes::SessionPlan& plan,
                                  const runtimes::SessionFiles& files);
Result<BegunProgram> begin_by_lxc(const runtimes::SessionPlan& plan);

}  // namespace drover::exec
