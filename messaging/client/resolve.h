// Names of hosts and their addresses.
#pragma once

#include <string>

#include "agent/core/result.h"

namespace drover::messaging {

/// The first address of the host, as the system's resolver orders them; of an address itself. It
/// may take as long as the resolver's own time limit. `unavailable` when there is none: libzmq
/// would try for ever and say nothing.
Result<std::string> resolve(const std::string& host);

}  // namespace drover::messaging
