// SessionPlan: what drover-exec is told of the program that it begins and stays with.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "runtimes/exec_sessions.h"
#include "runtimes/log_rotation.h"
#include "runtimes/lxc/process_settings.h"
#include "runtimes/sessions/stream_owner.h"

namespace drover::runtimes {

/// By runc or crun.
struct OciStart {
  /// The whole call of the runtime's "exec --detach", the container last.
  std::vector<std::string> argv;
  std::optional<StreamOwner> owner{};
};

/// By liblxc.
struct LxcStart {
  Path lxc_path;
  std::string name;     ///< LXC's own
  ExecRequest request;  ///< with the whole environment; the user as "uid:gid", or ""
  ProcessSettings settings;
  std::optional<StreamOwner> owner{};
};

using SessionStart = std::variant<OciStart, LxcStart>;

struct SessionPlan {
  Path log;
  LogBounds log_bounds;
  bool input = false;
  std::optional<TerminalSize> terminal{};
  SessionStart start;
};

json::Value to_json(const SessionPlan& plan);
Result<SessionPlan> session_plan_from(const json::Value& value);

}  // namespace drover::runtimes
