// How long the machine is up, the time in which it was suspended counted with it.
#pragma once

#include <chrono>

namespace drover::system {

/// CLOCK_BOOTTIME: alike for all processes of a machine, moved by nobody, and going on while the
/// machine sleeps, as what others wait for does. Clock::now() stands still meanwhile.
std::chrono::nanoseconds boot_time();

}  // namespace drover::system
