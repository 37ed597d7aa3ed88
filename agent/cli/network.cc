// drover network: bridges of the node's own, and vnets of its cluster.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/job_command.h"
#include "agent/cli/text.h"
#include "agent/cli/thing_list.h"

namespace drover::cli {
namespace {

/// Of a job network.ensure that has found a bridge.
std::string whose(const std::string& name, const json::Value& result) {
  return result.at("own").boolean_or(true)
             ? ""
             : fmt::format(
                   "{}: this bridge was there and is not Drover's: it is used as it is, and "
                   "never changed or removed by Drover",
                   name);
}

/// "lab", or with a tag "lab:100"; "-" for a bridge.
std::string zone_of(const json::Value& network) {
  const std::string_view zone = network.at("zone").string_or("");
  const std::int64_t tag = network.at("tag").integer_or(0);
  return zone.empty() ? "-" : tag == 0 ? std::string(zone) : fmt::format("{}:{}", zone, tag);
}

std::vector<std::string> network_cells(const json::Value& network) {
  const std::string_view address = network.at("address").string_or("");
  return {std::string(network.at("name").string_or("")),
          std::string(network.at("state").string_or("-")),
          address.empty() ? "-" : std::string(address),
          network.at("vlan_aware").boolean_or(false) ? "yes" : "no",
          zone_of(network),
          short_time(network.at("created_at").integer_or(0), system::SystemClock().unix_ms()),
          joined(network.at("containers"))};
}

std::vector<std::string> link_cells(const json::Value& link) {
  const std::string_view address = link.at("address").string_or("");
  return {std::string(link.at("name").string_or("")),
          std::string(link.at("type").string_or("-")),
          link.at("active").boolean_or(false) ? "yes" : "no",
          address.empty() ? "-" : std::string(address),
          link.at("vlan_aware").boolean_or(false) ? "yes" : "no",
          std::string(link.at("mode").string_or("-")),
          joined(link.at("ports")),
          link.at("own").boolean_or(false) ? "yes" : "no"};
}

}  // namespace

void add_network(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("network", "Make, list and remove bridges of this node");
  group->require_subcommand(1);
  constexpr const char* kNames = "Bridges, of at most 15 characters";
  const auto arguments = std::make_shared<JobArguments>();
  CLI::App* ensure =
      add_job_command(*group, action,
                      {"ensure", "Make a bridge for containers; one that is there will do",
                       Verb::network_ensure, whose},
                      arguments, "NAME", kNames);
  ensure
      ->add_option("--address", arguments->options.address,
                   "Its own address; containers get others of the same subnet")
      ->type_name("CIDR");
  ensure->add_flag("--vlan-aware", arguments->options.vlan_aware,
                   "Let containers have VLANs on it");
  ensure
      ->add_option("--zone", arguments->options.zone,
                   "Make it in this zone of Proxmox's SDN, for all nodes of the cluster")
      ->type_name("ZONE");
  ensure->add_option("--tag", arguments->options.tag, "Its VLAN or VNI, as the zone wants one")
      ->type_name("N")
      ->check(CLI::Range(1, 0xFFFFFF));
  ensure->add_flag("--snat", arguments->options.snat,
                   "In a zone: let the nodes translate what leaves the subnet");
  const auto removal = std::make_shared<JobArguments>();
  add_job_command(*group, action,
                  {"rm", "Remove bridges that Drover has made", Verb::network_remove}, removal,
                  "NAME", kNames)
      ->add_flag("-f,--force", removal->options.force,
                 "With proxmox.enabled false: forget one that Proxmox may have still");
  add_list(*group, action, "List the bridges that Drover has made and the containers on them",
           {"networks",
            {"NAME", "STATE", "ADDRESS", "VLANS", "ZONE", "CREATED", "CONTAINERS"},
            network_cells});
  add_list(
      *group, action,
      "List the bridges, vnets and bonds of a node of Proxmox, whoever has made them",
      {"links", {"NAME", "TYPE", "ACTIVE", "ADDRESS", "VLANS", "MODE", "PORTS", "OWN"}, link_cells},
      "links");
}

}  // namespace drover::cli
