// JobNeeds: what a job wants of the node it is placed on: the member "needs" of a header. Clients
// make it of the job's spec, because a dispatcher reads no bodies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/core/runtime_kind.h"
#include "messaging/dispatch/label_expression.h"
#include "messaging/dispatch/node_facts.h"

namespace drover::dispatch {

/// Which of the nodes that fit is chosen.
enum class Strategy {
  hash,      ///< by job id and node's name alone: every dispatcher chooses the same
  spread,    ///< the one that is used least
  binpack,   ///< the one that is used most and still has room
  affinity,  ///< the one that fits most of `prefer`, `near` and `apart`
};
std::string_view to_string(Strategy strategy);

struct Preference {
  LabelExpression labels;    ///< of the node
  std::int64_t weight = 50;  ///< -100 to 100; a node that is to be avoided has one below 0

  bool operator==(const Preference&) const = default;
};

struct Neighbours {
  LabelExpression labels;  ///< of containers
  bool must = false;       ///< whatever the strategy: no other node fits

  bool operator==(const Neighbours&) const = default;
};

struct JobNeeds {
  Capacity capacity{};
  std::optional<RuntimeKind> runtime{};
  std::vector<std::string> storages{};
  std::vector<std::string> bridges{};
  std::optional<LabelExpression> labels{};  ///< of the node
  Strategy strategy = Strategy::hash;
  std::vector<Preference> prefer{};
  std::optional<Neighbours> near{};   ///< a node with such containers
  std::optional<Neighbours> apart{};  ///< a node without

  bool operator==(const JobNeeds&) const = default;
};

/// Reads {"cpus","memory_mib","disk_mib","runtime","storages":[],"bridges":[],"labels":EXPRESSION,
/// "strategy","prefer":[{"labels","weight"}],"near":{"labels","must"},"apart":{"labels","must"}}.
/// All faults at once, as `invalid`, with pointers below /needs; so is a preference that the
/// strategy does not look at. Without a strategy that is affinity where there are preferences.
Result<JobNeeds> read_job_needs(const json::Value& value);
/// The inverse; what is as it is without saying so is left out.
json::Value to_json(const JobNeeds& needs);

}  // namespace drover::dispatch
