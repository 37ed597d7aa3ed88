// drover snapshot: states of containers that they can be put back to.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_command.h"
#include "agent/cli/text.h"

namespace drover::cli {
namespace {

void add_of_snapshot(CLI::App& group, Action& action, const JobCommand& about) {
  const auto arguments = std::make_shared<JobArguments>();
  CLI::App* command = add_job_command(group, action, about, arguments);
  arguments->targets.resize(1);
  command->add_option("NAME", arguments->targets.front(), "The container")->required();
  command->add_option("SNAPSHOT", arguments->options.snapshot, "The snapshot's name")->required();
}

struct SnapshotsOptions {
  std::string container;
  bool json = false;
  bool names_only = false;
};

Result<int> show_snapshots(Session& session, const SnapshotsOptions& options) {
  if (const Result<> checked = check_target(TargetKind::container, options.container); !checked) {
    return wrong_usage(checked.error());
  }
  messaging::Client client = TRY(session.connect_to(options.container));
  const json::Value container =
      TRY(client.container_or_deleted(options.container, session.interrupt.first()));
  const json::Value& snapshots = container.at("snapshots");
  const json::Array none;
  const json::Array& all = snapshots.array() == nullptr ? none : *snapshots.array();
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(all));
    return kDone;
  }
  std::vector<std::vector<std::string>> rows = {{"SNAPSHOT", "TAKEN", "AFTER", "NOW"}};
  for (const json::Value& snapshot : all) {
    const std::string_view parent = snapshot.at("parent").string_or("");
    if (options.names_only) {
      fmt::print("{}\n", printable(snapshot.at("name").string_or("")));
    } else {
      rows.push_back(
          {std::string(snapshot.at("name").string_or("")),
           short_time(snapshot.at("taken_at").integer_or(0), system::SystemClock().unix_ms()),
           parent.empty() ? "-" : std::string(parent),
           snapshot.at("newest").boolean_or(false) ? "comes from it" : ""});
    }
  }
  if (!options.names_only) {
    fmt::print("{}", table(rows));
  }
  return kDone;
}

void add_snapshot_list(CLI::App& group, Action& action) {
  CLI::App* command = group.add_subcommand("ls", "List a container's snapshots, oldest first");
  const auto options = std::make_shared<SnapshotsOptions>();
  command->add_option("NAME", options->container, "The container")->required();
  command->add_flag("--json", options->json, "As a JSON array");
  command->add_flag("-q,--quiet", options->names_only, "Names only");
  command->footer(std::string("As the last job about its snapshots has found them.\n\n") +
                  std::string(kExitStatus));
  command->callback([&action, options] {
    action = [options](Session& session) { return show_snapshots(session, *options); };
  });
}

}  // namespace

void add_snapshot(CLI::App& app, Action& action) {
  CLI::App* group =
      app.add_subcommand("snapshot", "Keep states of a container, and put it back to them");
  group->require_subcommand(1);
  add_of_snapshot(*group, action,
                  {"create",
                   "Keep its root as it is now, and of a guest of Proxmox volumes and limits, also "
                   "while it runs",
                   Verb::container_snapshot});
  add_of_snapshot(*group, action,
                  {"rollback",
                   "Put it back to a snapshot; a program that runs is ended at once, and started "
                   "again",
                   Verb::container_rollback});
  add_of_snapshot(
      *group, action,
      {"rm", "Delete a snapshot; the container stays as it is", Verb::container_snapshot_delete});
  add_snapshot_list(*group, action);
}

}  // namespace drover::cli
