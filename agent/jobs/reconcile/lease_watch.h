// LeaseWatch: whether somebody renews the leases of containers whose addresses are DHCP servers'.
// Their daemon has them in its memory alone: when it ends, or a server is silent for too long, a
// program runs on at an address that the server may give to another.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "agent/jobs/journal/books.h"
#include "agent/jobs/node.h"
#include "agent/jobs/supervisor.h"
#include "agent/system/stop.h"

namespace drover::jobs {

/// Belongs to the reconciler's thread. What is lost is told once, and asked for again at each look,
/// while no job about that container can begin, until a server answers: then that is told. Of
/// networks where none answers one container is asked for at each look, because that takes up to a
/// minute.
class LeaseWatch {
 public:
  Result<> look(const Node& node, Books& books, Supervisor& supervisor, const system::Stop& stop);
  /// How many leases were lost at the last look, and are not there again.
  std::size_t lost() const { return told_.size(); }

 private:
  using Place = std::pair<std::string, std::string>;  // container, interface

  /// Whether the lease is there again.
  Result<bool> mend(const Node& node, Books& books, const runtimes::LostLease& lost,
                    const system::Stop& stop);
  Result<> tell(Books& books, const runtimes::LostLease& lost);

  std::map<Place, bool> told_;  // whether it was logged that nobody answers
};

}  // namespace drover::jobs
