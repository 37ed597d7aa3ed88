// Who may set which part of a guest's configuration.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "tests/pve-sim/permissions.h"

namespace drover::pve_sim {

/// A change of a guest's configuration, or its making.
struct GuestChange {
  std::string vmid;
  const Parameters& given;        ///< the call's own parameters among them are passed over
  std::vector<std::string> goes;  ///< keys that are deleted
  json::Object before;            ///< empty of a guest that is made
};

/// Why `user` may not; "" when he may. Some things only a login as root@pam may set, and never a
/// token.
std::string change_refusal(const GuestChange& change, const std::string& user, const Has& has);

/// Whether such a parameter is about the call, and no part of the configuration.
bool is_about_call(std::string_view key);

}  // namespace drover::pve_sim
