// The subcommand "prune" of drover image.
#pragma once

#include "agent/cli/command.h"

namespace drover::cli {

void add_image_prune(CLI::App& group, Action& action);

}  // namespace drover::cli
