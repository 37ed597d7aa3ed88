// Interrupt: Ctrl-C as two latches, one for each time it is pressed.
#pragma once

#include <thread>

#include "agent/system/signals.h"
#include "agent/system/stop.h"

namespace drover::cli {

/// Takes SIGINT, SIGTERM and SIGHUP from its making on; make it before any thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const system::Stop& first() const { return first_; }
  const system::Stop& second() const { return second_; }

 private:
  void watch();

  system::Signals signals_;
  system::Stop first_;
  system::Stop second_;
  system::Stop done_;
  std::thread thread_;
};

}  // namespace drover::cli
