// drover start: starts containers again.
#include <CLI/App.hpp>

#include "agent/cli/job_command.h"

namespace drover::cli {

void add_start(CLI::App& app, Action& action) {
  add_job_command(
      app, action,
      {"start", "Start containers that were created or have stopped", Verb::container_start},
      std::make_shared<JobArguments>(), "NAME", "Containers");
}

}  // namespace drover::cli
