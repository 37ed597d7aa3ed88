// The server's own certificate and its key.
#pragma once

#include <string>

#include "agent/core/result.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Writes cert.pem and key.pem for localhost and 127.0.0.1, and their SHA-256 fingerprint, which it
/// returns, to a file of that name.
Result<std::string> make_certificate(const path& directory);

}  // namespace drover::pve_sim
