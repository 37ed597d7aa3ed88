// LiveState: what runc or crun says of a container right now.
#pragma once

#include <optional>

#include "runtimes/container.h"
#include "runtimes/oci/command_line.h"

namespace drover::runtimes {

struct LiveState {
  Status status = Status::unknown;
  pid_t pid = 0;
  std::string job{};  ///< the stamp of the job that made it; "" when it carries none
};

/// Reads what `RUNTIME state` prints. `broken` when it is not what the specification says.
Result<LiveState> parse_live_state(std::string_view text);

/// Nothing when the runtime does not have it. Both runtimes keep a folder for each container below
/// their root, and their words for its absence differ, so the folder tells.
Result<std::optional<LiveState>> ask_live_state(const CommandLine& runtime, const std::string& name,
                                                const system::Stop& stop);

}  // namespace drover::runtimes
