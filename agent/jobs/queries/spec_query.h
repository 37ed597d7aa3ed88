// SpecQuery: "query.explain" with a spec: what each runtime of this node would get of it, and all
// that it cannot be given.
#pragma once

#include <functional>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/system/stop.h"

namespace drover::jobs {

/// The spec is held against each runtime, the policy and the node many times over, and the files of
/// its image are looked at: for a thread that may wait. Nothing is made, fetched or written.
using SpecReading = std::function<Result<json::Value>(const system::Stop&)>;

/// `question`: {"name","spec","config_of"}; `config_of` names a runtime whose generated
/// configuration is wanted. Loop's thread; what it returns is for any. `node` outlives that.
Result<SpecReading> spec_reading(Journal& journal, const Node& node, const json::Value& question);

}  // namespace drover::jobs
