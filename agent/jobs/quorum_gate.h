// QuorumGate: has jobs wait that cannot succeed while Proxmox VE's cluster has no quorum.
#pragma once

#include <string>

#include "agent/jobs/node.h"
#include "agent/jobs/reconcile/cluster_watch.h"

namespace drover::jobs {

/// What Supervisor::Deeds asks before an attempt and after one.
class QuorumGate {
 public:
  /// All must outlive it.
  QuorumGate(ClusterWatch& cluster, Books& books, const Node& node)
      : cluster_(cluster), books_(books), node_(node) {}

  /// Supervisor::Deeds::awaits. By what was seen last.
  std::string awaits(const JobRequest& request);
  /// Supervisor::Deeds::excuses. By what is seen now: the quorum may be lost for seconds only.
  bool excuses(const JobRequest& request, const system::Stop& stop);

 private:
  ClusterWatch& cluster_;
  Books& books_;
  const Node& node_;
};

}  // namespace drover::jobs
