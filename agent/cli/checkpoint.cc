// drover checkpoint, drover restore: a container's processes to the disk, and back.
#include <fmt/format.h>

#include <CLI/App.hpp>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_command.h"

namespace drover::cli {

void add_checkpoint(CLI::App& app, Action& action) {
  const auto arguments = std::make_shared<JobArguments>();
  JobOptions& options = arguments->options;
  CLI::App* command =
      add_job_command(app, action,
                      {"checkpoint", "Write the processes of running containers to the disk",
                       Verb::container_checkpoint},
                      arguments, "NAME", "Containers, of runtime runc");
  command->add_flag("--leave-running", options.leave_running,
                    "They run on; without it they are stopped once they are written");
  command->add_flag("--tcp-established", options.tcp_established,
                    "Also of one with open TCP connections, which a restore keeps open");
  command->add_flag("--file-locks", options.file_locks, "Also of one that holds locks on files");
  command->footer(std::string("The node needs the package criu. What the processes have in memory, "
                              "passwords as well, is\non the disk from then on, for root only, "
                              "until they are restored or the container is deleted.\n\n") +
                  std::string(kExitStatus));
}

void add_restore(CLI::App& app, Action& action) {
  add_job_command(app, action,
                  {"restore", "Let stopped containers go on where their checkpoint was made",
                   Verb::container_restore},
                  std::make_shared<JobArguments>(), "NAME", "Containers");
}

}  // namespace drover::cli
