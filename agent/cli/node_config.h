// The node's own configuration, for commands that work on its files and ask no droverd.
#pragma once

#include <string>

#include "agent/core/config.h"

namespace drover::cli {

/// What droverd would read; on a machine without the file what is so by itself.
Result<Config> node_config(const std::string& path);

}  // namespace drover::cli
