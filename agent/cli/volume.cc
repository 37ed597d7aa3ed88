// drover volume: volumes that outlive containers.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/job_command.h"
#include "agent/cli/spec_options.h"
#include "agent/cli/text.h"
#include "agent/cli/thing_list.h"

namespace drover::cli {
namespace {

/// A size is read when its place on the line is, so that what is no size is wrong usage.
CLI::Option* add_size(CLI::App& command, const char* name, const char* about,
                      const std::shared_ptr<JobArguments>& arguments) {
  return command
      .add_option_function<std::string>(
          name,
          [arguments](const std::string& text) {
            arguments->options.size_mib = read_size("SIZE", text).value_or(0);
          },
          about)
      ->check(size_fault)
      ->type_name("SIZE");
}

void add_create_volume(CLI::App& group, Action& action) {
  const auto arguments = std::make_shared<JobArguments>();
  CLI::App* command = add_job_command(
      group, action, {"create", "Make volumes", Verb::volume_create}, arguments, "NAME", "Volumes");
  add_size(*command, "--size", "As 512M or 10G; every storage but local-folder needs it",
           arguments);
  command
      ->add_option("--storage", arguments->options.storage,
                   "local-folder, local-image, local-xfs, local-btrfs, local-thin or a storage of "
                   "Proxmox (default: the node's)")
      ->type_name("STORAGE");
}

/// Of one volume, with a second argument.
CLI::App* add_change(CLI::App& group, Action& action, const JobCommand& about,
                     const std::shared_ptr<JobArguments>& arguments) {
  CLI::App* command = add_job_command(group, action, about, arguments);
  arguments->targets.resize(1);
  command->add_option("NAME", arguments->targets.front(), "The volume")->required();
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
  add_create_volume(*group, action);
  {
    const auto arguments = std::make_shared<JobArguments>();
    CLI::App* command = add_change(
        *group, action,
        {"resize", "Grow a volume with its file system, also while containers have it mounted",
         Verb::volume_resize},
        arguments);
    add_size(*command, "SIZE", "Its new size, as 512M or 10G", arguments)->required();
  }
  {
    const auto arguments = std::make_shared<JobArguments>();
    CLI::App* command = add_change(
        *group, action,
        {"snapshot", "Copy a volume as it is now to a new one of its own", Verb::volume_snapshot},
        arguments);
    command->add_option("SNAPSHOT", arguments->options.snapshot, "The new volume's name")
        ->required();
  }
  add_job_command(*group, action,
                  {"rm", "Delete volumes, with all that is on them", Verb::volume_delete},
                  std::make_shared<JobArguments>(), "NAME", "Volumes");
  add_list(*group, action, "List volumes and the containers that have them",
           {"volumes", {"NAME", "STORAGE", "SIZE", "CREATED", "OF", "CONTAINERS"}, volume_cells});
}

}  // namespace drover::cli
