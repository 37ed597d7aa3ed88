// drover kill: sends one signal.
#include <CLI/App.hpp>
#include <csignal>

#include "agent/cli/job_command.h"
#include "agent/cli/spec_options.h"

namespace drover::cli {

void add_kill(CLI::App& app, Action& action) {
  const auto arguments = std::make_shared<JobArguments>();
  arguments->options.signal = SIGKILL;
  add_job_command(app, action,
                  {"kill", "Send a signal to containers' first process", Verb::container_kill},
                  arguments, "NAME", "Containers")
      ->add_option_function<std::string>(
          "-s,--signal",
          [arguments](const std::string& text) {
            arguments->options.signal = signal_from(text).value_or(0);
          },
          "Name or number, as TERM, SIGHUP, RTMIN+3 or 9 (default: KILL)")
      ->check(signal_fault)
      ->type_name("SIGNAL");
}

}  // namespace drover::cli
