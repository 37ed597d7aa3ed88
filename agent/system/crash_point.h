// Crash points: where a test may end the whole process, as a power cut or kill -9 would.
#pragma once

#include <string_view>

namespace drover::system {

/// In builds for tests (DROVER_CRASH_POINTS) and with a folder in the environment's DROVER_CRASH:
/// adds `where` as a line to the folder's file "passed", ends the process at once by SIGKILL when
/// it is what the file "at" says, and while it is what the file "hold" says keeps the thread there,
/// which the file "held" tells. In other builds it is nothing. Thread-safe.
#ifdef DROVER_CRASH_POINTS
void crash_point(std::string_view where);
inline constexpr bool kHasCrashPoints = true;
#else
inline void crash_point(std::string_view) {}
inline constexpr bool kHasCrashPoints = false;
#endif

}  // namespace drover::system
