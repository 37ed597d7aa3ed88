// Stop: asked once, seen by every wait.
#pragma once

#include <atomic>

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

/// A latch on an eventfd, which is made when somebody first waits: a job that is queued takes no
/// descriptor. Any thread may ask and any number of threads may wait on `fd()`, which stays
/// readable from the first request on.
class Stop {
 public:
  Stop();
  ~Stop();
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  enum class Why {
    unwanted,      ///< what is under way
    process_ends,  ///< and the next one goes on with it
  };
  void request(Why why = Why::unwanted);
  bool requested() const { return requested_; }
  /// False once what is under way is unwanted. As long as it is not, what goes on outside of this
  /// process, as a task of Proxmox, is left going by whoever gives up waiting for it.
  bool still_wanted() const { return still_wanted_; }
  /// For poll: readable once a stop was requested. Never read from it. Throws std::system_error
  /// when the process has no descriptor left.
  int fd() const;
  /// `cancelled` when a stop was requested; `what` says what was under way.
  Result<> check(std::string_view what) const;

 private:
  mutable std::atomic<int> event_ = -1;
  std::atomic<bool> requested_ = false;
  std::atomic<bool> still_wanted_ = true;
};

/// Waits until `fd` is readable, or `stop` is requested.
void await_readable(int fd, const Stop& stop);

}  // namespace drover::system
