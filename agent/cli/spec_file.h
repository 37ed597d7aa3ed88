// A container's spec in a file.
#pragma once

#include <string>

#include "agent/core/container_spec.h"

namespace drover::cli {

/// JSON with comments, at most 1 MiB. `invalid` with all its faults, each as "FILE:LINE".
Result<ContainerSpec> read_spec_file(const std::string& file);

}  // namespace drover::cli
