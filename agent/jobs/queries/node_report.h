// NodeReport: what the node tells its dispatchers of itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/jobs/reconcile/cluster_watch.h"
#include "messaging/dispatch/ledger_messages.h"

namespace drover::jobs {

/// Belongs to the loop's thread. Whoever asks has settled the books before: nobody is told what a
/// power cut could undo.
class NodeReport {
 public:
  /// All must outlive it. `cluster`: nullptr on a node without Proxmox.
  NodeReport(Journal& journal, const Node& node, const ClusterWatch* cluster)
      : journal_(journal), node_(node), cluster_(cluster) {}

  /// All that there is.
  Result<dispatch::Hello> hello();
  Result<dispatch::Heartbeat> heartbeat();
  /// What heartbeats and events do not tell: labels, what it has in all, runtimes, storages,
  /// bridges. When it is another than it was, a HELLO has to tell it.
  Result<dispatch::NodeFacts> outline();

 private:
  /// What containers may use, and of the disk what is in use, whoever uses it. Counted again only
  /// after an event: it takes each container's record to be read.
  Result<dispatch::Capacity> reserved();
  std::optional<bool> quorate() const;
  std::vector<std::string> storages() const;
  Result<std::vector<std::string>> bridges();

  Journal& journal_;
  const Node& node_;
  const ClusterWatch* cluster_;
  dispatch::Capacity counted_{};
  std::optional<std::uint64_t> counted_at_;  // the number of the event
};

}  // namespace drover::jobs
