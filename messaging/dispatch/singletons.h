// Singletons: jobs that must run once in the whole cluster.
#pragma once

#include <cstddef>

#include "agent/core/result.h"

namespace drover::dispatch {

/// Whether they may be taken. With etcd a claim decides which one runs. Without, one dispatcher
/// alone may place them, which sees all nodes; of two neither knows what the other one places, so
/// that such a job is `refused`, and the message says what helps. `dispatchers`: as many as there
/// are, as the agents say (Ledger::dispatchers) or a node's configuration does.
Result<> check_singletons(std::size_t dispatchers, bool has_etcd);

}  // namespace drover::dispatch
