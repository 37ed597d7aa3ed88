// ConfinementOptions: how `drover run` says what a container's programs may do.
#pragma once

#include <string>
#include <vector>

#include "agent/core/container_spec.h"

namespace CLI {
class App;
}

namespace drover::cli {

struct ConfinementOptions {
  std::vector<std::string> add{};   ///< capabilities
  std::vector<std::string> drop{};  ///< capabilities
  std::string seccomp{};
  std::string apparmor{};
  bool new_privileges = false;
  std::string user_namespace{};
  std::vector<std::string> limits{};   ///< "NAME=SOFT[:HARD]"
  std::vector<std::string> sysctls{};  ///< "NAME=VALUE"
  std::vector<std::string> devices{};  ///< "PATH[:TARGET[:PERMISSIONS]]"
};

void add_confinement_options(CLI::App& command, ConfinementOptions& options);

/// Adds them to what the spec has. Errors are `invalid` and name the option; what each may be is
/// checked with the whole spec.
Result<> set_confinement(const ConfinementOptions& options, ContainerSpec& spec);

}  // namespace drover::cli
