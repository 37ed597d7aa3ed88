// drover rm: deletes containers with their volumes and interfaces.
#include <CLI/App.hpp>

#include "agent/cli/job_command.h"

namespace drover::cli {

void add_rm(CLI::App& app, Action& action) {
  const auto arguments = std::make_shared<JobArguments>();
  add_job_command(
      app, action,
      {"rm", "Delete containers with their volumes, interfaces and logs", Verb::container_delete},
      arguments, "NAME", "Containers")
      ->add_flag("-f,--force", arguments->options.force, "Also those that run: they are killed");
}

}  // namespace drover::cli
