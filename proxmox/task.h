// Tasks: what the API does in the background, awaited to its end.
#pragma once

#include <chrono>

#include "agent/core/result.h"
#include "agent/system/clock.h"
#include "proxmox/client.h"
#include "proxmox/upid.h"

namespace drover::proxmox {

/// Thread-safe as far as the client is.
class Tasks {
 public:
  Tasks(Client& client, system::Clock& clock) : client_(client), clock_(clock) {}

  /// Waits until the task has ended. Success for "OK" and "WARNINGS: n"; otherwise an error with
  /// the exit status and the end of the task's log. A task of this host is awaited by its process,
  /// others by asking with growing pauses. On `stop` or after `timeout` the task is aborted.
  Result<> wait(const Upid& upid, std::chrono::milliseconds timeout, const Stop& stop);
  /// The same for an answer's data: a UPID, or null for a call that was done at once.
  Result<> wait(const json::Value& answer, std::chrono::milliseconds timeout, const Stop& stop);

 private:
  Client& client_;
  system::Clock& clock_;
};

}  // namespace drover::proxmox
