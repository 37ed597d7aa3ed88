// How a process ended that is not our child.
#pragma once

#include <optional>

namespace drover::runtimes {

/// The exit code, 128 + N for signal N, of the process behind `pidfd` once its parent has reaped it
/// (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15). Nothing while it runs and on older kernels.
std::optional<int> exit_code_of(int pidfd);

}  // namespace drover::runtimes
