// Interrupt: Ctrl-C as two latches, one for each time it is pressed; and the terminal's new sizes.
#pragma once

#include <atomic>
#include <thread>

#include "agent/system/signals.h"
#include "agent/system/stop.h"
#include "agent/system/unique_fd.h"

namespace drover::cli {

/// Takes SIGINT, SIGTERM, SIGHUP and SIGWINCH from its making on; make it before any thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const system::Stop& first() const { return first_; }
  const system::Stop& second() const { return second_; }
  /// Of the first one; 0 before.
  int signal() const { return signal_; }
  /// Readable (an eventfd) when the terminal's size has changed since it was last read.
  int resized() const { return resized_.get(); }

 private:
  void watch();

  system::Signals signals_;
  system::Stop first_;
  system::Stop second_;
  system::Stop done_;
  std::atomic<int> signal_ = 0;
  system::UniqueFd resized_;
  std::thread thread_;
};

}  // namespace drover::cli
