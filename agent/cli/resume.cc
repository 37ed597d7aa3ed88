// drover resume: lets paused containers go on.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"

namespace drover::cli {

void add_resume(CLI::App& app, Action& action) {
  struct Options {
    std::vector<std::string> names;
    JobFlags flags;
  };
  CLI::App* command = app.add_subcommand("resume", "Let paused containers go on");
  const auto options = std::make_shared<Options>();
  command->add_option("NAME", options->names, "Containers")->required();
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) {
      return run_for_each(session, Verb::container_resume, options->names, {}, options->flags);
    };
  });
}

}  // namespace drover::cli
