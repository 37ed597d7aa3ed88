// Bridges of the node's own, made by jobs network.ensure. The journal knows them by name; a bridge
// that it does not know is somebody else's and is left as it is.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/jobs/work.h"
#include "runtimes/network/bridges.h"

namespace drover::jobs {

/// Names of containers by the bridges they are on. Loop's thread, as all that takes a journal.
Result<std::map<std::string, std::vector<std::string>>> network_users(Journal& journal);

/// `unavailable` while a job makes or removes a network of the spec; `conflict`, naming who has it,
/// for an address of it that is another container's.
Result<> admit_networks(Journal& journal, const std::string& container, const ContainerSpec& spec);

runtimes::OwnBridge bridge_of(const NetworkRow& row);

/// Makes all again that a reboot has taken away, and has their addresses given out. Failures are
/// logged, and containers on such a network fail by name. Call it before any job runs.
void restore_networks(Journal& journal, const Node& node);

/// Takes back what a failed job about a network has begun.
Result<> undo_network(Work& work, const Node& node);

}  // namespace drover::jobs
