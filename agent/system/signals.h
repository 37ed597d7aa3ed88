// Signals, read as data by the loop.
#pragma once

#include <initializer_list>
#include <optional>

#include "agent/system/unique_fd.h"

namespace drover::system {

/// Blocks the signals in this thread and in those it starts later, so make it before any thread,
/// and hands them out through `fd()`. SIGPIPE is ignored: a write tells it anyway.
class Signals {
 public:
  explicit Signals(std::initializer_list<int> numbers);

  int fd() const { return fd_.get(); }
  /// The next signal that came, or nothing.
  std::optional<int> next();

 private:
  UniqueFd fd_;
};

}  // namespace drover::system
