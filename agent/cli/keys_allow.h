// drover keys allow: a key that may come, and what it may do.
#pragma once

#include "agent/cli/command.h"

namespace drover::cli {

/// Below `keys`.
CLI::App* add_keys_allow(CLI::App& keys, Action& action);

}  // namespace drover::cli
