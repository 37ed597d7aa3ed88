// Reboot: what becomes of the containers that ran when the machine went down.
//
// Nothing of them runs any more, and how they ended is known only where a monitor came to write it.
// Guests of Proxmox are its own: it may have started them again before this agent was there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/jobs/intake.h"
#include "agent/jobs/node.h"
#include "runtimes/container.h"

namespace drover::jobs {

/// Belongs to the loop's thread. The journal keeps the id of the boot it was used in last, and
/// which guests have not been looked at since: an agent that ends in the middle loses nothing.
class Reboot {
 public:
  /// All must outlive it.
  Reboot(Books& books, Intake& intake, const Node& node, system::Clock& clock)
      : books_(books), intake_(intake), node_(node), clock_(clock) {}

  /// Writes that the journal was used in this boot last; "" for one that nobody knows.
  static Result<> remember(Journal& journal, const std::string& boot_id);

  /// When `boot_id` is another one than the journal's: containers that ran become stopped, with the
  /// exit that their monitor has written, else an unknown one for the reason "reboot". Call it
  /// before jobs are resumed and anything is observed.
  Result<> note(const std::string& boot_id);
  /// Takes in a job for each of them that is started again: its restart policy is `always`, nobody
  /// has stopped it, no job is about it already, and the node takes containers. Call it once jobs
  /// are resumed, in the same turn as `note`.
  Result<> start_again();

  /// As note_observed (status_change.h), for every container. For a guest that ran before the
  /// reboot and is seen for the first time since this is where it is stopped and started again.
  Result<> note_observed(const std::string& name, const std::optional<runtimes::State>& state);

 private:
  Result<> note_container(const ContainerRow& row);
  Result<bool> is_started_again(const ContainerRow& row);
  Result<> start(const std::string& name);

  Books& books_;
  Intake& intake_;
  const Node& node_;
  system::Clock& clock_;
  std::vector<std::string> ended_;  // by the reboot, noted just now
};

}  // namespace drover::jobs
