// drover update: gives containers other limits while they run.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"
#include "agent/cli/spec_options.h"

namespace drover::cli {

void add_update(CLI::App& app, Action& action) {
  struct Options {
    std::vector<std::string> names;
    std::string memory;
    Resources limits;
    JobFlags flags;
  };
  CLI::App* command =
      app.add_subcommand("update", "Give containers other limits, also while they run");
  const auto options = std::make_shared<Options>();
  command->add_option("NAME", options->names, "Containers")->required();
  command->add_option("-m,--memory", options->memory, "Limit, as 256M or 2G")
      ->check(size_fault)
      ->type_name("SIZE");
  command->add_option("--cpus", options->limits.cpus, "Limit in cores' worth of time, as 0.5")
      ->check(CLI::Range(0.01, 1024.0))
      ->type_name("NUMBER");
  command->add_option("--pids", options->limits.pids, "Limit of processes")
      ->check(CLI::Range(1, 4194304))
      ->type_name("NUMBER");
  add_job_flags(*command, options->flags);
  command->footer(std::string("What is not named stays as it is.\n\n") + std::string(kExitStatus));
  command->callback([&action, options] {
    action = [options](Session& session) -> Result<int> {
      JobOptions job;
      job.resources = options->limits;
      if (!options->memory.empty()) {
        job.resources.memory_mib = TRY(read_size("--memory", options->memory));
      }
      if (job.resources == Resources{}) {
        return fail(Code::invalid, "update: name at least one of --memory, --cpus and --pids");
      }
      return run_for_each(session, Verb::container_update, options->names, job, options->flags);
    };
  });
}

}  // namespace drover::cli
