// Stop: asked once, seen by every wait.
#pragma once

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

/// A latch on an eventfd. Any thread may ask and any number of threads may wait on `fd()`, which
/// stays readable from the first request on.
class Stop {
 public:
  Stop();

  void request();
  bool requested() const;
  /// For poll: readable once a stop was requested. Never read from it.
  int fd() const { return event_.get(); }
  /// `cancelled` when a stop was requested; `what` says what was under way.
  Result<> check(std::string_view what) const;

 private:
  UniqueFd event_;
};

/// Waits until `fd` is readable, or `stop` is requested.
void await_readable(int fd, const Stop& stop);

}  // namespace drover::system
