// drover kill: sends one signal.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"

namespace drover::cli {

void add_kill(CLI::App& app, Action& action) {
  struct Options {
    std::vector<std::string> names;
    std::string signal = "KILL";
    JobFlags flags;
  };
  CLI::App* command = app.add_subcommand("kill", "Send a signal to containers' first process");
  const auto options = std::make_shared<Options>();
  command->add_option("NAME", options->names, "Containers")->required();
  command
      ->add_option("-s,--signal", options->signal,
                   "Name or number, as TERM, SIGHUP, RTMIN+3 or 9 (default: KILL)")
      ->type_name("SIGNAL")
      ->check([](const std::string& text) {
        return signal_from(text) ? std::string() : "must be a signal's name or its number 1 to 64";
      });
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) {
      JobOptions job;
      job.signal = signal_from(options->signal).value_or(0);
      return run_for_each(session, Verb::container_kill, options->names, job, options->flags);
    };
  });
}

}  // namespace drover::cli
