// Replacement: whether what is on a node that is silent may be placed on another one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "messaging/dispatch/ledger.h"

namespace drover::dispatch {

/// What is known of the claim of a job that must run once in the cluster.
enum class Claim {
  none,     ///< it has no claim: nothing tells whether it still runs
  held,     ///< its node's agent renews it
  lost,     ///< the lease has ended, before which the agent has stopped what it was for
  unknown,  ///< it has one, and nobody can be asked for it
};

/// Success where a second one cannot run beside the first, or where somebody took that upon himself
/// (`by_order`). A node that is silent may run all it has: a cable is not a power cut. So without
/// either it is `refused`, or `unavailable` where waiting tells more; both say what can be done.
Result<> check_replacement(std::string_view id, const NodeFacts& node, Claim claim, bool by_order);

/// The nodes, all dead, whose container of that name may be placed anew, as check_replacement says
/// of each. `not_found` when no node is known to have it. Where it is placed the ledger is told
/// (`placed_elsewhere`) of each of them.
Result<std::vector<std::string>> nodes_to_replace(const std::string& id, const Ledger& ledger,
                                                  Claim claim, bool by_order);

}  // namespace drover::dispatch
