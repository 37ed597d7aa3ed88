// RulesWatch: whether the ports and filters of containers are still in the kernel. An admin's
// `iptables -F`, or the reload of a firewall, takes them from programs that run on and see nothing
// of it.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "agent/jobs/journal/books.h"
#include "agent/jobs/node.h"
#include "agent/jobs/supervisor.h"
#include "agent/system/stop.h"

namespace drover::jobs {

/// Belongs to the reconciler's thread. What is lost is told, made again and told again, container
/// by container, while no job of that can begin; one that a job is about is left for the next look.
/// What is not whole after that is not tried again before somebody has made it whole, so that rules
/// that somebody else takes away at once are no endless quarrel.
class RulesWatch {
 public:
  Result<> look(const Node& node, Books& books, Supervisor& supervisor, const system::Stop& stop);

 private:
  using Place = std::pair<std::string, std::string>;  // container, interface

  Result<> mend(const Node& node, Books& books, Supervisor& supervisor,
                const runtimes::LostRules& lost, const system::Stop& stop);
  Result<> mend_held(const Node& node, Books& books, const runtimes::LostRules& lost,
                     const system::Stop& stop);

  std::set<Place> given_up_;
  bool blind_ = false;  // told that the rules cannot be read
};

}  // namespace drover::jobs
