// drover network: bridges of the node's own.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"
#include "agent/cli/text.h"
#include "agent/cli/thing_list.h"

namespace drover::cli {
namespace {

struct NetworkOptions {
  std::vector<std::string> names;
  JobOptions job;
  JobFlags flags;
};

/// Of a job network.ensure that has found a bridge.
std::string whose(const std::string& name, const json::Value& result) {
  return result.at("own").boolean_or(true)
             ? ""
             : fmt::format(
                   "{}: this bridge was there and is not Drover's: it is used as it is, and "
                   "never changed or removed by Drover",
                   name);
}

CLI::App* add_network_job(CLI::App& group, Action& action, const char* name, const char* about,
                          Verb verb, const std::shared_ptr<NetworkOptions>& options) {
  CLI::App* command = group.add_subcommand(name, about);
  command->add_option("NAME", options->names, "Bridges, of at most 15 characters")->required();
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options, verb] {
    action = [options, verb](Session& session) {
      return run_for_each(session, verb, options->names, options->job, options->flags, whose);
    };
  });
  return command;
}

std::vector<std::string> network_cells(const json::Value& network) {
  const std::string_view address = network.at("address").string_or("");
  return {std::string(network.at("name").string_or("")),
          std::string(network.at("state").string_or("-")),
          address.empty() ? "-" : std::string(address),
          network.at("vlan_aware").boolean_or(false) ? "yes" : "no",
          short_time(network.at("created_at").integer_or(0), system::SystemClock().unix_ms()),
          joined(network.at("containers"))};
}

}  // namespace

void add_network(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("network", "Make, list and remove bridges of this node");
  group->require_subcommand(1);
  const auto options = std::make_shared<NetworkOptions>();
  CLI::App* ensure = add_network_job(*group, action, "ensure",
                                     "Make a bridge for containers; one that is there will do",
                                     Verb::network_ensure, options);
  ensure
      ->add_option("--address", options->job.address,
                   "Its own address; containers get others of the same subnet")
      ->type_name("CIDR");
  ensure->add_flag("--vlan-aware", options->job.vlan_aware, "Let containers have VLANs on it");
  add_network_job(*group, action, "rm", "Remove bridges that Drover has made", Verb::network_remove,
                  std::make_shared<NetworkOptions>());
  add_list(
      *group, action, "List the bridges that Drover has made and the containers on them",
      {"networks", {"NAME", "STATE", "ADDRESS", "VLANS", "CREATED", "CONTAINERS"}, network_cells});
}

}  // namespace drover::cli
