// drover backup: archives of containers on a storage of Proxmox.
#include <CLI/App.hpp>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_command.h"

namespace drover::cli {

void add_backup(CLI::App& app, Action& action) {
  const auto arguments = std::make_shared<JobArguments>();
  JobOptions& options = arguments->options;
  options.mode = "snapshot";
  options.compress = "zstd";
  CLI::App* command = add_job_command(
      app, action,
      {"backup", "Archive containers (of runtime pve-lxc) on a storage; prints what to restore by",
       Verb::container_backup},
      arguments, "NAME", "Containers");
  command->add_option("--storage", options.storage, "A storage of Proxmox that takes backups")
      ->required()
      ->type_name("STORAGE");
  command
      ->add_option("--mode", options.mode,
                   "snapshot (default; suspend where a storage keeps none), suspend: holds its "
                   "programs for the last changes, stop: ends them and starts them again")
      ->check(CLI::IsMember({"snapshot", "suspend", "stop"}))
      ->type_name("MODE");
  command->add_option("--compress", options.compress, "zstd (default), gzip, lzo or none")
      ->check(CLI::IsMember({"zstd", "gzip", "lzo", "none"}))
      ->type_name("HOW");
  command->footer(std::string("Restore one by `drover run --runtime pve-lxc --image BACKUP`.\n\n") +
                  std::string(kExitStatus));
}

}  // namespace drover::cli
