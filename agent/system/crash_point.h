// Crash points: where a test may end the whole process, as a power cut or kill -9 would.
#pragma once

#include <string_view>

namespace drover::system {

/// In builds for tests (DROVER_CRASH_POINTS) the process ends here at once by SIGKILL when the
/// environment's DROVER_CRASH_AT is `where`, and with DROVER_CRASH_LIST each point that is passed
/// is added to the file of that name as a line. In other builds it is nothing. Thread-safe.
#ifdef DROVER_CRASH_POINTS
void crash_point(std::string_view where);
inline constexpr bool kHasCrashPoints = true;
#else
inline void crash_point(std::string_view) {}
inline constexpr bool kHasCrashPoints = false;
#endif

}  // namespace drover::system
