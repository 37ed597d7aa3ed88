// RestartRule: what a restart policy says of one end of a container's program.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "agent/core/container_status.h"
#include "agent/core/restart_policy.h"

namespace drover::jobs {

/// Running this long (and healthy, where it is probed) ends a row of failures.
inline constexpr std::chrono::minutes kWell{10};

/// How a program ended, as far as a policy cares.
struct ProgramEnd {
  std::optional<Exit> exit;
  /// It was stopped because a probe failed, or its claim was lost: a failure whatever its code.
  bool unhealthy = false;
  bool with_node = false;  ///< the node went down with it
};

/// Whether it is started again, if nobody has asked for its end. After the node went down only
/// `always` does: what had failed before is not to be found out from an end that the node has made.
bool is_restarted(const RestartPolicy& policy, const ProgramEnd& end);

/// Whether `in_row` restarts are all that the policy allows in a row.
bool is_spent(const RestartPolicy& policy, std::int64_t in_row);

/// How long to wait before the next start after `in_row` of them: 1 s, doubled with each, at most
/// 60 s, and up to a quarter less, so that containers that failed together do not come back
/// together. `draw` is from [0, 1).
std::chrono::milliseconds restart_delay(std::int64_t in_row, double draw);

}  // namespace drover::jobs
