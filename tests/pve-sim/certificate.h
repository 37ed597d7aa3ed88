// The server's own certificate and key, and the secrets of who may ask.
#pragma once

#include <string>

#include "agent/core/result.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Writes cert.pem and key.pem for localhost and 127.0.0.1, and their SHA-256 fingerprint, which it
/// returns, to a file of that name.
Result<std::string> make_certificate(const path& directory);
/// Writes "USER@REALM!ID=UUID" to `file`, readable by its owner only, and returns it.
Result<std::string> make_token(const Place& place, const path& file);
/// Writes the password of Place::user, likewise.
Result<std::string> make_password(const path& file);
/// What these two have written.
Result<std::string> read_line(const path& file);
Result<std::string> random_uuid();

}  // namespace drover::pve_sim
