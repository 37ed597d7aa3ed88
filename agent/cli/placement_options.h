// PlacementOptions: which node of a cluster a new container comes to.
#pragma once

#include <string>

#include "agent/core/container_spec.h"

namespace CLI {
class App;
}

namespace drover::cli {

struct PlacementOptions {
  std::string strategy;
  std::string labels;  ///< of the node
  std::string near;    ///< of containers
  std::string apart;
  bool must_near = false;
  bool must_apart = false;

  bool operator==(const PlacementOptions&) const = default;
};

void add_placement_options(CLI::App& command, PlacementOptions& options);

/// The header's "needs" of a job with this spec. `invalid` with every fault.
Result<json::Object> needs_of(const PlacementOptions& options, const ContainerSpec& spec);

}  // namespace drover::cli
