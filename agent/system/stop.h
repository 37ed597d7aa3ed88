// Stop: asked once, seen by every wait.
#pragma once

#include <atomic>

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

/// A latch on an eventfd. Any thread may ask and any number of threads may wait on `fd()`, which
/// stays readable from the first request on.
class Stop {
 public:
  Stop();

  enum class Why {
    unwanted,      ///< what is under way
    process_ends,  ///< and the next one goes on with it
  };
  void request(Why why = Why::unwanted);
  bool requested() const;
  /// False once what is under way is unwanted. As long as it is not, what goes on outside of this
  /// process, as a task of Proxmox, is left going by whoever gives up waiting for it.
  bool still_wanted() const { return still_wanted_; }
  /// For poll: readable once a stop was requested. Never read from it.
  int fd() const { return event_.get(); }
  /// `cancelled` when a stop was requested; `what` says what was under way.
  Result<> check(std::string_view what) const;

 private:
  UniqueFd event_;
  std::atomic<bool> still_wanted_ = true;
};

/// Waits until `fd` is readable, or `stop` is requested.
void await_readable(int fd, const Stop& stop);

}  // namespace drover::system
