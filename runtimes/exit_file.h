// Exit files: how a container ended, as its monitor has left it.
#pragma once

#include <string_view>

#include "agent/core/container_status.h"
#include "agent/system/file.h"

namespace drover::runtimes {

/// The decimal code in the file with the time it was written. A file that is missing, or does not
/// hold a code from 0 to 255, gives an exit without a code: it is not known, and never 0.
Exit read_exit_file(const system::Path& path);

/// In a container's own folder: its end by SIGKILL is Drover's doing, and no lack of memory, even
/// where the kernel has ended another of its processes for that.
inline constexpr std::string_view kKilledNote = "killed";
/// Leaves it, before the signal is sent. On a disk that is full there is none: what shall end is
/// ended all the same.
void note_kill(const system::Path& folder);

}  // namespace drover::runtimes
