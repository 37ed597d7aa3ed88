// Placement: which node gets a job that is for `any`.
//
// Nodes that do not fit (fit.h) are left out, the others ranked by the job's strategy; of those
// that are equal there a hash of job and node decides, which is the same on every dispatcher, so
// that a job that is sent twice, by way of two of them, comes to one node.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "messaging/dispatch/job_needs.h"
#include "messaging/dispatch/node_facts.h"

namespace drover::dispatch {

struct PlacementQuestion {
  std::string job;  ///< its id
  JobNeeds needs{};
  /// Nodes that have refused this job, with what they said: they are not asked again.
  std::map<std::string, std::string> refusals{};
};

/// The nodes there are; they must outlive what is made of them.
using Candidates = std::vector<const NodeFacts*>;

/// The node of the highest rank, or nullptr when none fits. Linear in the nodes, and makes no text.
const NodeFacts* choose(const PlacementQuestion& question, const Candidates& nodes);

struct PlannedNode {
  std::string node;
  bool fits = false;
  std::int64_t score = 0;              ///< of one that fits; comparable within one plan only
  std::vector<std::string> why_not{};  ///< of one that does not, every reason
};

struct Plan {
  std::string job;
  Strategy strategy = Strategy::hash;
  /// Those that fit, best first, which is the order in which they are asked; then those that do
  /// not, by name.
  std::vector<PlannedNode> nodes{};

  /// "" when no node fits.
  std::string chosen() const;
};

/// What `choose` chooses, and why not each other.
Plan plan(const PlacementQuestion& question, const Candidates& nodes);

/// {"job","strategy","chosen","nodes":[{"node","fits","score"} or {"node","fits","why_not":[]}]};
/// `chosen` is null when no node fits.
json::Value to_json(const Plan& plan);

}  // namespace drover::dispatch
