// Permissions: what Proxmox wants granted before it looks at a request any further
// (permissions.json, as its own schema says it).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "tests/pve-sim/contract.h"

namespace drover::pve_sim {

/// Whether somebody has a privilege on a path.
using Has = std::function<bool(const std::string& path, const std::string& privilege)>;

/// "Permission check failed (PATH, PRIVILEGE)", or without what is in brackets.
std::string permission_failed(const std::string& what);

class Permissions {
 public:
  /// Of the file that is compiled in; throws std::runtime_error when that is no JSON.
  Permissions();

  /// A method as the schema names it, with what its path says of `parameters`.
  struct Method {
    std::string name;  ///< "GET /nodes/{node}/lxc/{vmid}"
    Parameters in_path;
  };
  /// Nothing where no method has such a path.
  std::optional<Method> find(const std::string& method, const std::vector<std::string>& path) const;
  bool knows(std::string_view method) const { return checks_.find(method) != nullptr; }

  /// Why a method does not begin, "" if it does. What is no matter of paths and privileges (whose a
  /// token is) is left to the method.
  std::string refusal(const std::string& method, const Parameters& parameters,
                      const Has& has) const;

 private:
  json::Value checks_;
};

}  // namespace drover::pve_sim
