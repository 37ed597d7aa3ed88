// NetworkWatch: whether the node's own bridges are still there. Somebody may have deleted one with
// ip(8), and nobody but the programs inside would notice.
#pragma once

#include <set>
#include <string>

#include "agent/jobs/journal/books.h"

namespace drover::jobs {

/// Belongs to the reconciler's thread. What is lost is told once, and by an agent that begins anew
/// once more; it is made again by network.ensure only, and by the next agent.
class NetworkWatch {
 public:
  Result<> look(Books& books);

 private:
  std::set<std::string> lost_;  // told, and not yet restored
};

}  // namespace drover::jobs
