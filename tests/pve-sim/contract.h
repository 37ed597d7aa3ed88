// Contract: which parameters each method takes (contract.json), and the check against it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "tests/pve-sim/form.h"

namespace drover::pve_sim {

/// Parameters that passed the check, each once. Booleans are "1" or "0".
using Parameters = std::map<std::string, std::string>;

class Contract {
 public:
  /// Of the contract that is compiled in; throws std::runtime_error when that is no JSON.
  Contract();

  /// Checks `form` with the path's own parameters in `path_parameters` for a method named as in
  /// "GET /nodes/{node}/lxc". Every fault is a text in `errors`, in Proxmox's words.
  Parameters check(std::string_view method, const Form& form, const Parameters& path_parameters,
                   std::map<std::string, std::string>& errors) const;

  /// All methods it has.
  std::vector<std::string> methods() const;
  /// Whether it has that method.
  bool knows(std::string_view method) const { return methods_.find(method) != nullptr; }
  /// Whether the method has a parameter of that name.
  bool has_parameter(std::string_view method, const std::string& name) const;

 private:
  json::Value methods_;
};

}  // namespace drover::pve_sim
