// Movable: whether a container can be made again on another node, of what its node tells of it.
#pragma once

#include <string>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "messaging/dispatch/job_needs.h"

namespace drover::dispatch {

struct MovableContainer {
  json::Value spec{};
  JobNeeds needs{};
  std::string job{};  ///< that made it
};

/// `container` is the answer to query.container. `refused` when something of it is its node's own,
/// or when two of it may not be at once; all reasons at once.
Result<MovableContainer> check_movable(const json::Value& container);

}  // namespace drover::dispatch
