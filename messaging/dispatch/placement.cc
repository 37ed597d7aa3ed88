#include "messaging/dispatch/placement.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "agent/core/stable_hash.h"
#include "messaging/dispatch/fit.h"

namespace drover::dispatch {
namespace {

/// A share of 1.
constexpr std::int64_t kWhole = 1'000'000;
/// What a container nearby, or one too near, weighs against preferences of labels.
constexpr std::int64_t kNeighbourWeight = 100;
constexpr std::size_t kMostNeighboursCounted = 10;

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014): FNV's hashes of names that differ in
/// their last letter only are close to each other, and are to be in no order.
std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebULL;
  return bits ^ (bits >> 31U);
}

/// Rendezvous hashing (Thaler, Ravishankar 1998): each node has its own place in each job's order.
std::uint64_t rendezvous(std::uint64_t job_hash, const std::string& node) {
  return mixed(job_hash ^ mixed(stable_hash(node)));
}

std::int64_t share_of(std::int64_t reserved, std::int64_t needed, std::int64_t total) {
  if (needed == 0 || total == 0) {
    return 0;
  }
  return static_cast<std::int64_t>(static_cast<double>(reserved + needed) /
                                   static_cast<double>(total) * static_cast<double>(kWhole));
}

/// How much of the node would be used with the job there: the largest share of what the job needs.
/// One that needs nothing that is counted counts as one container.
std::int64_t used_with(const JobNeeds& needs, const NodeFacts& node) {
  const Capacity& needed = needs.capacity;
  if (needed == Capacity{}) {
    return static_cast<std::int64_t>(node.containers.size()) + 1;
  }
  return std::max({share_of(node.reserved.milli_cpus, needed.milli_cpus, node.total.milli_cpus),
                   share_of(node.reserved.memory_mib, needed.memory_mib, node.total.memory_mib),
                   share_of(node.reserved.disk_mib, needed.disk_mib, node.total.disk_mib)});
}

std::int64_t liking(const JobNeeds& needs, const NodeFacts& node) {
  std::int64_t sum = 0;
  for (const Preference& preference : needs.prefer) {
    sum += preference.labels.fits(node.name, node.labels) ? preference.weight : 0;
  }
  if (needs.near && containers_that_fit(needs.near->labels, node) != 0) {
    sum += kNeighbourWeight;
  }
  if (needs.apart) {
    const std::size_t there = containers_that_fit(needs.apart->labels, node);
    sum -= kNeighbourWeight * static_cast<std::int64_t>(std::min(there, kMostNeighboursCounted));
  }
  return sum;
}

struct Rank {
  std::int64_t score = 0;
  std::uint64_t hash = 0;
  const NodeFacts* node = nullptr;

  /// Whether this is better. The name decides where all else is equal, so that the order in which
  /// nodes are given never does.
  bool before(const Rank& other) const {
    return std::tie(score, hash, other.node->name) > std::tie(other.score, other.hash, node->name);
  }
};

Rank rank_of(const JobNeeds& needs, std::uint64_t job_hash, const NodeFacts& node) {
  Rank rank{0, rendezvous(job_hash, node.name), &node};
  switch (needs.strategy) {
    case Strategy::hash:
      // As many bits as a JSON number holds exactly everywhere.
      rank.score = static_cast<std::int64_t>(rank.hash >> 11U);
      break;
    case Strategy::spread:
      rank.score = -used_with(needs, node);
      break;
    case Strategy::binpack:
      rank.score = used_with(needs, node);
      break;
    case Strategy::affinity:
      rank.score = liking(needs, node);
      break;
  }
  return rank;
}

}  // namespace

const NodeFacts* choose(const PlacementQuestion& question, const Candidates& nodes) {
  const std::uint64_t job_hash = stable_hash(question.job);
  Rank best;
  for (const NodeFacts* node : nodes) {
    if (!fits(question.needs, *node) || question.refusals.contains(node->name)) {
      continue;
    }
    const Rank rank = rank_of(question.needs, job_hash, *node);
    if (best.node == nullptr || rank.before(best)) {
      best = rank;
    }
  }
  return best.node;
}

std::string Plan::chosen() const {
  return nodes.empty() || !nodes.front().fits ? "" : nodes.front().node;
}

Plan plan(const PlacementQuestion& question, const Candidates& nodes) {
  const std::uint64_t job_hash = stable_hash(question.job);
  std::vector<Rank> ranks;
  std::vector<PlannedNode> others;
  for (const NodeFacts* node : nodes) {
    std::vector<std::string> why_not;
    bool fit = fits(question.needs, *node, &why_not);
    if (const auto refusal = question.refusals.find(node->name);
        refusal != question.refusals.end()) {
      fit = false;
      why_not.push_back(fmt::format("has refused the job: {}", refusal->second));
    }
    if (fit) {
      ranks.push_back(rank_of(question.needs, job_hash, *node));
    } else {
      others.push_back(PlannedNode{node->name, false, 0, std::move(why_not)});
    }
  }
  std::sort(ranks.begin(), ranks.end(),
            [](const Rank& left, const Rank& right) { return left.before(right); });
  std::sort(others.begin(), others.end(), [](const PlannedNode& left, const PlannedNode& right) {
    return left.node < right.node;
  });
  Plan planned{question.job, question.needs.strategy, {}};
  for (const Rank& rank : ranks) {
    planned.nodes.push_back(PlannedNode{rank.node->name, true, rank.score, {}});
  }
  std::move(others.begin(), others.end(), std::back_inserter(planned.nodes));
  return planned;
}

json::Value to_json(const Plan& plan) {
  json::Array nodes;
  for (const PlannedNode& node : plan.nodes) {
    json::Object object{{"node", node.node}, {"fits", node.fits}};
    if (node.fits) {
      object.set("score", node.score);
    } else {
      object.set("why_not", json::Array(node.why_not.begin(), node.why_not.end()));
    }
    nodes.emplace_back(std::move(object));
  }
  const std::string chosen = plan.chosen();
  return json::Object{{"job", plan.job},
                      {"strategy", to_string(plan.strategy)},
                      {"chosen", chosen.empty() ? json::Value() : json::Value(chosen)},
                      {"nodes", std::move(nodes)}};
}

}  // namespace drover::dispatch
