// drover volume: volumes that outlive containers.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"
#include "agent/cli/spec_options.h"
#include "agent/cli/text.h"
#include "agent/cli/thing_list.h"

namespace drover::cli {
namespace {

struct VolumeOptions {
  std::vector<std::string> names;
  std::string name;
  std::string size;
  std::string storage;
  std::string snapshot;
  JobFlags flags;
};

/// A command that submits one job of `verb` with the options that it has.
CLI::App* add_volume_job(CLI::App& group, Action& action, const char* name, const char* about,
                         Verb verb, const std::shared_ptr<VolumeOptions>& options) {
  CLI::App* command = group.add_subcommand(name, about);
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options, verb] {
    action = [options, verb](Session& session) -> Result<int> {
      JobOptions job;
      if (!options->size.empty()) {
        job.size_mib = TRY(read_size("SIZE", options->size));
      }
      job.storage = options->storage;
      job.snapshot = options->snapshot;
      const std::vector<std::string> one = {options->name};
      return run_for_each(session, verb, options->names.empty() ? one : options->names, job,
                          options->flags);
    };
  });
  return command;
}

std::vector<std::string> volume_cells(const json::Value& volume) {
  const std::int64_t mib = volume.at("size_mib").integer_or(0);
  const std::string_view origin = volume.at("origin").string_or("");
  return {std::string(volume.at("name").string_or("")),
          std::string(volume.at("storage").string_or("")),
          mib == 0 ? "-" : size_text(static_cast<std::uint64_t>(mib) << 20U),
          short_time(volume.at("created_at").integer_or(0), system::SystemClock().unix_ms()),
          origin.empty() ? "-" : std::string(origin),
          joined(volume.at("containers"))};
}

}  // namespace

void add_volume(CLI::App& app, Action& action) {
  CLI::App* group =
      app.add_subcommand("volume", "Make, grow, copy, list and delete volumes of their own");
  group->require_subcommand(1);
  {
    const auto options = std::make_shared<VolumeOptions>();
    CLI::App* command =
        add_volume_job(*group, action, "create", "Make volumes", Verb::volume_create, options);
    command->add_option("NAME", options->names, "Volumes")->required();
    command
        ->add_option("--size", options->size,
                     "As 512M or 10G; every storage but local-folder needs it")
        ->check(size_fault)
        ->type_name("SIZE");
    command
        ->add_option("--storage", options->storage,
                     "local-folder, local-image or a storage of Proxmox (default: the node's)")
        ->type_name("STORAGE");
  }
  {
    const auto options = std::make_shared<VolumeOptions>();
    CLI::App* command = add_volume_job(
        *group, action, "resize",
        "Grow a volume with its file system; containers that have it are stopped before",
        Verb::volume_resize, options);
    command->add_option("NAME", options->name, "The volume")->required();
    command->add_option("SIZE", options->size, "Its new size, as 512M or 10G")
        ->required()
        ->check(size_fault);
  }
  {
    const auto options = std::make_shared<VolumeOptions>();
    CLI::App* command = add_volume_job(*group, action, "snapshot",
                                       "Copy a volume as it is now to a new one of its own",
                                       Verb::volume_snapshot, options);
    command->add_option("NAME", options->name, "The volume")->required();
    command->add_option("SNAPSHOT", options->snapshot, "The new volume's name")->required();
  }
  {
    const auto options = std::make_shared<VolumeOptions>();
    CLI::App* command =
        add_volume_job(*group, action, "rm", "Delete volumes, with all that is on them",
                       Verb::volume_delete, options);
    command->add_option("NAME", options->names, "Volumes")->required();
  }
  add_list(*group, action, "List volumes and the containers that have them",
           {"volumes", {"NAME", "STORAGE", "SIZE", "CREATED", "OF", "CONTAINERS"}, volume_cells});
}

}  // namespace drover::cli
