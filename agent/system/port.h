// Ports of this network namespace.
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/result.h"

namespace drover::system {

/// Whether a program has the port, at that address ("" for any) or at all. `not_found` for an
/// address that is not this node's.
Result<bool> is_port_taken(const std::string& address, std::uint16_t port, bool udp);

}  // namespace drover::system
