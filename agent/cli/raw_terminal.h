// RawTerminal: this terminal's keys, each as it is pressed, for a program elsewhere.
#pragma once

#include <termios.h>

#include "agent/core/result.h"
#include "agent/core/terminal_size.h"

namespace drover::cli {

/// From its making to its end the terminal neither echoes nor edits, and Ctrl-C is a key as others
/// are. It is put back also when a signal ends this process that can be caught. At most one at a
/// time.
class RawTerminal {
 public:
  /// `invalid` when the descriptor is no terminal.
  static Result<RawTerminal> take(int fd);
  ~RawTerminal();
  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&&) = delete;

 private:
  explicit RawTerminal(int fd) : fd_(fd) {}

  int fd_;
};

/// Of the terminal that standard output is, else standard input; the usual size of neither.
TerminalSize terminal_size();

}  // namespace drover::cli
