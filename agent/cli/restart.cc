// drover restart: stops containers and starts them again.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"

namespace drover::cli {

void add_restart(CLI::App& app, Action& action) {
  struct Options {
    std::vector<std::string> names;
    std::optional<std::int64_t> grace_s;
    JobFlags flags;
  };
  CLI::App* command =
      app.add_subcommand("restart", "Stop containers as `drover stop` does, and start them again");
  const auto options = std::make_shared<Options>();
  command->add_option("NAME", options->names, "Containers")->required();
  command
      ->add_option("--grace", options->grace_s,
                   "Seconds before SIGKILL (default: the container's own)")
      ->check(CLI::Range(0, 86400))
      ->type_name("SECONDS");
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) {
      JobOptions job;
      job.grace_s = options->grace_s;
      return run_for_each(session, Verb::container_restart, options->names, job, options->flags);
    };
  });
}

}  // namespace drover::cli
