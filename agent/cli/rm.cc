// drover rm: deletes containers with their volumes and interfaces.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"

namespace drover::cli {

void add_rm(CLI::App& app, Action& action) {
  struct Options {
    std::vector<std::string> names;
    bool force = false;
    JobFlags flags;
  };
  CLI::App* command =
      app.add_subcommand("rm", "Delete containers with their volumes, interfaces and logs");
  const auto options = std::make_shared<Options>();
  command->add_option("NAME", options->names, "Containers")->required();
  command->add_flag("-f,--force", options->force, "Also those that run: they are killed");
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) {
      JobOptions job;
      job.force = options->force;
      return run_for_each(session, Verb::container_delete, options->names, job, options->flags);
    };
  });
}

}  // namespace drover::cli
