// Nodes for tests of placement.
#pragma once

#include <string>
#include <vector>

#include "messaging/dispatch/placement.h"

namespace drover::dispatch {

/// A node with room for eight containers of a CPU and a GiB.
inline NodeFacts roomy_node(std::string name) {
  NodeFacts node;
  node.name = std::move(name);
  node.total = Capacity{8000, 8192, 102'400};
  node.runtimes = {"crun", "runc"};
  node.storages = {"local"};
  node.bridges = {"vmbr0"};
  return node;
}

/// n1, n2, ...
inline std::vector<NodeFacts> roomy_nodes(std::size_t count) {
  std::vector<NodeFacts> nodes;
  for (std::size_t i = 1; i <= count; ++i) {
    nodes.push_back(roomy_node("n" + std::to_string(i)));
  }
  return nodes;
}

inline Candidates candidates(const std::vector<NodeFacts>& nodes) {
  Candidates all;
  for (const NodeFacts& node : nodes) {
    all.push_back(&node);
  }
  return all;
}

/// What these needs are as JSON, which must be right.
inline JobNeeds needs_of(std::string_view text) {
  const Result<json::Value> value = json::parse(text);
  return read_job_needs(value.value()).value();
}

}  // namespace drover::dispatch
