// Pid files, as conmon and the runtimes write them, and which process was meant by them.
#pragma once

#include <sys/types.h>

#include <optional>

#include "agent/system/file.h"
#include "agent/system/process.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

/// 0 when the file is not there or holds no number. The process may have ended, and the number be
/// another's by now.
pid_t pid_in(const system::Path& file);

/// Where the start time of the process lies beside its number.
system::Path start_file(const system::Path& pid_file);
/// Writes it, for a process that is known to be the one meant. One that has ended already has none.
Result<> keep_start_time(const system::Path& pid_file);

/// The process that the file means, with the start time that was kept of it or 0; none when the
/// file holds no number. It may have ended.
std::optional<system::ProcessId> process_in(const system::Path& pid_file);

/// A pidfd of the process that the file means; invalid when it has ended, also when another one has
/// its number by now. Where no start time was kept the process has to be older than the file.
system::UniqueFd open_in(const system::Path& pid_file);

}  // namespace drover::runtimes
