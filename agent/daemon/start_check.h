// StartCheck: tells in the log, once, what the API of Proxmox VE does not grant this node.
#pragma once

#include <thread>

#include "agent/core/config.h"
#include "agent/system/clock.h"

namespace drover::daemon {

/// On a thread of its own, since the API may take its time and the node starts without it. Its end
/// ends the check.
class StartCheck {
 public:
  /// Of a configuration whose section "proxmox" is enabled. Both must outlive it.
  StartCheck(const Config& config, system::Clock& clock);
  ~StartCheck();
  StartCheck(const StartCheck&) = delete;
  StartCheck& operator=(const StartCheck&) = delete;

 private:
  system::Stop stop_;
  std::thread thread_;
};

}  // namespace drover::daemon
