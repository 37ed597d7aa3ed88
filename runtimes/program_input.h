// ProgramInput: the standard input of a program in a container, written to from outside.
#pragma once

#include <cstddef>
#include <string_view>

#include "agent/core/result.h"

namespace drover::runtimes {

/// For one thread. Destroying it leaves the program's input open: whoever opens it next goes on.
class ProgramInput {
 public:
  virtual ~ProgramInput() = default;
  /// To be polled for POLLOUT after `write` took less than it was given, and for POLLIN always:
  /// call `drain` then.
  virtual int fd() const = 0;
  /// How many bytes were taken, which the program gets in this order; never waits. `not_found` when
  /// nobody is there to read any more.
  virtual Result<std::size_t> write(std::string_view bytes) = 0;
  /// Throws away what came back; never waits.
  virtual void drain() {}
  /// The program reads its end of file after what was written. Of one with a terminal it does
  /// nothing: a terminal's end of file is a character.
  virtual Result<> finish() = 0;
};

}  // namespace drover::runtimes
