// drover pause, drover resume: freeze containers, and let them go on.
#include <CLI/App.hpp>

#include "agent/cli/job_command.h"

namespace drover::cli {

void add_pause(CLI::App& app, Action& action) {
  add_job_command(app, action, {"pause", "Freeze running containers", Verb::container_pause},
                  std::make_shared<JobArguments>(), "NAME", "Containers");
}

void add_resume(CLI::App& app, Action& action) {
  add_job_command(app, action, {"resume", "Let paused containers go on", Verb::container_resume},
                  std::make_shared<JobArguments>(), "NAME", "Containers");
}

}  // namespace drover::cli
