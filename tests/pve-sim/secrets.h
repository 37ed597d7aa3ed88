// Secrets: what whoever asks has to know.
#pragma once

#include <string>

#include "agent/core/result.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

struct Secrets {
  std::string token;     ///< "USER@REALM!ID=UUID"
  std::string password;  ///< of Place::user
};

/// Writes "USER@REALM!ID=UUID" to `file`, readable by its owner only, and returns it.
Result<std::string> make_token(const Place& place, const path& file);
/// Writes the password of Place::user, likewise.
Result<std::string> make_password(const path& file);
/// What these two have written.
Result<std::string> read_line(const path& file);
Result<std::string> random_uuid();

}  // namespace drover::pve_sim
