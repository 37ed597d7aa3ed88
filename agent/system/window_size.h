// The size of a terminal, as the kernel keeps it.
#pragma once

#include "agent/core/terminal_size.h"

namespace drover::system {

/// Of the terminal that is open as `terminal`, by either of its ends. Programs on it hear of it
/// (SIGWINCH). What is no terminal stays as it is.
void set_window_size(int terminal, const TerminalSize& size);

}  // namespace drover::system
