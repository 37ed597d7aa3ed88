// NodeFacts: what a node says of itself, and what placement knows of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/fields.h"
#include "agent/core/json.h"
#include "agent/core/result.h"
#include "messaging/dispatch/label_expression.h"

namespace drover::dispatch {

/// Amounts of what containers are given. CPUs in thousandths, so that what was added and taken away
/// again leaves nothing behind, as fractions would.
struct Capacity {
  std::int64_t milli_cpus = 0;
  std::int64_t memory_mib = 0;
  std::int64_t disk_mib = 0;

  bool operator==(const Capacity&) const = default;
};

/// {"cpus":1.5,"memory_mib","disk_mib"}; what is 0 is left out.
json::Object to_json(const Capacity& capacity);
/// The inverse; members that are not known are ignored.
Capacity read_capacity(const json::Value& value, std::string at, Faults& faults);
/// The member "quorate": true, false, or null for none.
std::optional<bool> read_quorate(Fields& fields);

struct ContainerFacts {
  std::string name;
  Labels labels{};
  std::string state{};  ///< as agent/core/container_status.h has them; "" when not told

  bool operator==(const ContainerFacts&) const = default;
};

/// What a dispatcher has found out by heartbeats (ledger.h).
enum class Liveness { alive, suspect, dead };
std::string_view to_string(Liveness liveness);

struct NodeFacts {
  std::string name;
  Labels labels{};
  Capacity total{};
  Capacity reserved{};  ///< by its containers; more than `total` where it gives more than it has
  std::vector<std::string> runtimes{};
  std::vector<std::string> storages{};
  std::vector<std::string> bridges{};
  bool drained = false;
  std::optional<bool> quorate{};  ///< of its Proxmox cluster; none without Proxmox or not known
  std::vector<ContainerFacts> containers{};
  Liveness liveness = Liveness::alive;  ///< not the node's to say, and in no JSON

  bool operator==(const NodeFacts&) const = default;
};

/// Reads what a node reports. Members that are not known are ignored: a newer agent has more to
/// say. `invalid` with every fault.
Result<NodeFacts> read_node_facts(const json::Value& value);
json::Value to_json(const NodeFacts& facts);

}  // namespace drover::dispatch
