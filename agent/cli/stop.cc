// drover stop, drover restart: ask containers to end, and end them after their grace.
#include <CLI/App.hpp>

#include "agent/cli/job_command.h"

namespace drover::cli {
namespace {

void add_stopping(CLI::App& app, Action& action, const JobCommand& command) {
  const auto arguments = std::make_shared<JobArguments>();
  add_job_command(app, action, command, arguments, "NAME", "Containers")
      ->add_option("--grace", arguments->options.grace_s,
                   "Seconds before SIGKILL (default: the container's own)")
      ->check(CLI::Range(0, 86400))
      ->type_name("SECONDS");
}

}  // namespace

void add_stop(CLI::App& app, Action& action) {
  add_stopping(app, action,
               {"stop", "Stop containers: their stop signal, then SIGKILL after the grace",
                Verb::container_stop});
}

void add_restart(CLI::App& app, Action& action) {
  add_stopping(app, action,
               {"restart", "Stop containers as `drover stop` does, and start them again",
                Verb::container_restart});
}

}  // namespace drover::cli
