// drover image push: sends an image to a node.
#pragma once

#include "agent/cli/command.h"

namespace drover::cli {

void add_image_push(CLI::App& group, Action& action);

}  // namespace drover::cli
