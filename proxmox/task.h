// Tasks: what the API does in the background, awaited to its end.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "agent/core/ids.h"
#include "agent/core/result.h"
#include "agent/system/clock.h"
#include "proxmox/client.h"
#include "proxmox/upid.h"

namespace drover::proxmox {

/// Whether a task's exit status is one of success.
bool ended_well(std::string_view exit);

/// Thread-safe as far as the client is.
class Tasks {
 public:
  Tasks(Client& client, system::Clock& clock) : client_(client), clock_(clock) {}

  /// Waits until the task has ended. Success for "OK" and "WARNINGS: n"; otherwise an error with
  /// the exit status and the end of the task's log. A task of this host is awaited by its process,
  /// others by asking with growing pauses. On `stop` or after `timeout` the task is aborted, or
  /// left to itself, as ever on a stop that has it still wanted. The thread's TaskWatch is told how
  /// far it is.
  enum class GivenUp { aborted, left };
  Result<> wait(const Upid& upid, std::chrono::milliseconds timeout, const Stop& stop,
                GivenUp given_up = GivenUp::aborted);
  /// The same for an answer's data: a UPID, or null for a call that was done at once.
  Result<> wait(const json::Value& answer, std::chrono::milliseconds timeout, const Stop& stop);
  /// Asks it to end; when it has, and how, `wait` tells. One that has ended is success.
  Result<> abort(const Upid& upid, const Stop& stop);
  /// The last lines of its log in one, without that which repeats how it ended; of a backup only
  /// the errors there, if it has some. "" when it cannot be read.
  std::string end_of_log(const Upid& upid, const Stop& stop);
  struct Ended {
    std::string type;
    std::string exit;  ///< "OK", "WARNINGS: n" or an error
    std::string upid{};
  };
  /// Those about one guest that have ended, newest first, also of earlier guests of that number.
  Result<std::vector<Ended>> ended(Vmid vmid, const Stop& stop);
  /// Those of this node that have not ended, whoever began them.
  Result<std::vector<Upid>> running(const Stop& stop);

 private:
  Client& client_;
  system::Clock& clock_;
};

}  // namespace drover::proxmox
