// What the nodes of a cluster have answered, put together for one list.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/command.h"

namespace drover::cli {

struct OfNodes {
  json::Array things;               ///< each with its member "node" first
  std::vector<std::string> silent;  ///< nodes that could not be reached
  bool whole = true;                ///< every node has answered
};

/// The elements of the list `things` in each node's answer. Why a node has none is told on standard
/// error.
OfNodes put_together(const messaging::NodeAnswers& answers, const std::string& things);

}  // namespace drover::cli
