// drover cancel: ends jobs before their time; what they have made is taken back.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"

namespace drover::cli {

void add_cancel(CLI::App& app, Action& action) {
  struct Options {
    std::vector<std::string> jobs;
    JobFlags flags;
  };
  CLI::App* command = app.add_subcommand(
      "cancel", "Cancel jobs that wait or run; what they have made is taken back");
  const auto options = std::make_shared<Options>();
  command->add_option("ID", options->jobs, "Jobs")->required();
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) {
      return run_for_each(session, Verb::job_cancel, options->jobs, {}, options->flags);
    };
  });
}

}  // namespace drover::cli
