// drover update: gives containers other limits and larger disks while they run.
#include <fmt/format.h>

#include <CLI/App.hpp>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_command.h"
#include "agent/cli/job_run.h"
#include "agent/cli/spec_options.h"
#include "agent/cli/text.h"
#include "agent/cli/thing_list.h"

namespace drover::cli {

namespace {

/// Of a guest of Proxmox, also of what others have changed.
std::string remark_on_pending(const std::string& name, const json::Value& result) {
  const json::Value& pending = result.at("pending");
  return pending.is_null() ? ""
                           : fmt::format("{}: after its next start it has other {}", name,
                                         printable(joined(pending)));
}

}  // namespace

void add_update(CLI::App& app, Action& action) {
  const auto arguments = std::make_shared<JobArguments>();
  Resources& limits = arguments->options.resources;
  std::map<std::string, std::uint64_t>& volumes = arguments->options.volumes;
  CLI::App* command = add_job_command(
      app, action,
      {"update", "Give containers other limits or larger disks, also while they run",
       Verb::container_update, remark_on_pending},
      arguments, "NAME", "Containers");
  // At least one of them; the parser counts the options of a group.
  CLI::Option_group* named = command->add_option_group("Limits and disks");
  named
      ->add_option_function<std::string>(
          "-m,--memory",
          [&limits](const std::string& text) {
            limits.memory_mib = read_size("--memory", text).value_or(0);
          },
          "Limit, as 256M or 2G")
      ->check(size_fault)
      ->type_name("SIZE");
  named
      ->add_option_function<std::string>(
          "--swap",
          [&limits](const std::string& text) {
            limits.swap_mib = read_size("--swap", text).value_or(0);
          },
          "That much swap beside the limit of memory")
      ->check(size_fault)
      ->type_name("SIZE");
  named->add_option("--cpus", limits.cpus, "Limit in cores' worth of time, as 0.5")
      ->check(CLI::Range(0.01, 1024.0))
      ->type_name("NUMBER");
  named->add_option("--cpuset", limits.cpuset, "The node's CPUs that it may run on, as 0-1,3")
      ->type_name("LIST");
  named
      ->add_option("--cpu-shares", limits.cpu_shares,
                   "Against others that want the same CPUs, who usually have 1024")
      ->check(CLI::Range(2, 262144))
      ->type_name("NUMBER");
  named->add_option("--pids", limits.pids, "Limit of processes")
      ->check(CLI::Range(1, 4194304))
      ->type_name("NUMBER");
  named
      ->add_option_function<std::string>(
          "--disk",
          [&limits](const std::string& text) {
            limits.disk_mib = read_size("--disk", text).value_or(0);
          },
          "The root disk's new size, of a guest of Proxmox; disks only grow")
      ->check(size_fault)
      ->type_name("SIZE");
  named
      ->add_option_function<std::vector<std::string>>(
          "-v,--volume",
          [&volumes](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              if (const auto volume = read_volume_size(text)) {
                volumes.insert_or_assign(volume->first, volume->second);
              }
            }
          },
          "A volume's new size, of one that goes with the container; may be repeated")
      ->check([](const std::string& text) {
        const auto volume = read_volume_size(text);
        return volume ? "" : volume.error().message;
      })
      ->allow_extra_args(false)
      ->type_name("NAME:SIZE");
  named->require_option(1, 0);
  command->footer(std::string("What is not named stays as it is.\n\n") + std::string(kExitStatus));
}

}  // namespace drover::cli
