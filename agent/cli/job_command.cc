#include "agent/cli/job_command.h"

#include <CLI/App.hpp>

#include "agent/cli/exit_code.h"

namespace drover::cli {

CLI::App* add_job_command(CLI::App& group, Action& action, const JobCommand& command,
                          const std::shared_ptr<JobArguments>& arguments) {
  CLI::App* added = group.add_subcommand(command.name, command.about);
  add_job_flags(*added, arguments->flags);
  added->footer(kExitStatus);
  added->callback([&action, arguments, command] {
    action = [arguments, command](Session& session) {
      return run_for_each(session, command.verb, arguments->targets, arguments->options,
                          arguments->flags, command.remark);
    };
  });
  return added;
}

CLI::App* add_job_command(CLI::App& group, Action& action, const JobCommand& command,
                          const std::shared_ptr<JobArguments>& arguments, const char* target,
                          const char* targets) {
  CLI::App* added = add_job_command(group, action, command, arguments);
  added->add_option(target, arguments->targets, targets)->required();
  return added;
}

}  // namespace drover::cli
