// `drover events` of a cluster: those of several nodes at once.
#pragma once

#include <map>
#include <string>

#include "agent/cli/command.h"
#include "agent/core/event_filter.h"
#include "agent/core/event_position.h"

namespace drover::cli {

/// By node. "pve1=EPOCH:SEQ", each of `texts`; `invalid` for anything else.
Result<std::map<std::string, EventPosition>> read_positions(const std::vector<std::string>& texts);

struct ClusterEventsOptions {
  bool follow = false;
  std::map<std::string, EventPosition> after{};
  EventFilter filter{};
  bool json = false;
};

/// Prints them, each with its node in front: those there are, node by node, or with `follow` those
/// that come, until Ctrl-C.
Result<int> show_cluster_events(Session& session, const ClusterEventsOptions& options);

}  // namespace drover::cli
