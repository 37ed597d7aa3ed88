// Programs that only some storages need.
#pragma once

#include <string_view>

#include "agent/core/result.h"

namespace drover::runtimes {

/// `refused`, naming the Debian package, when this node has no such program. `what` needs it.
Result<> require_program(std::string_view program, std::string_view package, std::string_view what);

}  // namespace drover::runtimes
