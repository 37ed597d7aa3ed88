// drover pause: freezes running containers.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"

namespace drover::cli {

void add_pause(CLI::App& app, Action& action) {
  struct Options {
    std::vector<std::string> names;
    JobFlags flags;
  };
  CLI::App* command = app.add_subcommand("pause", "Freeze running containers");
  const auto options = std::make_shared<Options>();
  command->add_option("NAME", options->names, "Containers")->required();
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) {
      return run_for_each(session, Verb::container_pause, options->names, {}, options->flags);
    };
  });
}

}  // namespace drover::cli
