// UsageQuery: "query.stats", what containers use of the node.
#pragma once

#include <functional>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/system/stop.h"

namespace drover::jobs {

/// What is read from the kernel's files, which a node in want of memory gives slowly, and for
/// guests asked of Proxmox: for a thread that may wait.
using UsageReading = std::function<Result<json::Value>(const system::Stop&)>;

/// `question`: {"name"} for one, {"after"} for those behind a name. Loop's thread; what it returns
/// is for any. `node` outlives that.
Result<UsageReading> usage_reading(Journal& journal, const Node& node, const json::Value& question);

}  // namespace drover::jobs
