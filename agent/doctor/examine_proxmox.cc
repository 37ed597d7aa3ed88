#include "agent/doctor/examine_proxmox.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/doctor/examine_node_storage.h"
#include "agent/doctor/examine_privileges.h"
#include "agent/doctor/needed_privileges.h"
#include "agent/doctor/proxmox_endpoint.h"
#include "proxmox/cluster.h"
#include "proxmox/network.h"
#include "proxmox/storage.h"
#include "runtimes/guest/guest_output.h"

namespace drover::doctor {
namespace {

using system::Stop;

Finding examine_cluster(proxmox::Client& client, bool own_server_answers, const Stop& stop) {
  const auto state = proxmox::Cluster(client).state(stop);
  if (!state) {
    return {"cluster", false, state.error().message};
  }
  std::string names;
  for (const auto& node : state->nodes) {
    names += (names.empty() ? "" : ", ") + node.name;
    if (own_server_answers && node.answers && node.name != client.node()) {
      return {"cluster", false,
              fmt::format("proxmox.url is the API of node {}, and proxmox.node is {}: name this "
                          "node in both",
                          node.name, client.node())};
    }
  }
  const auto& nodes = state->nodes;
  if (std::none_of(nodes.begin(), nodes.end(),
                   [&](const auto& node) { return node.name == client.node(); })) {
    return {"cluster", false,
            fmt::format("there is no node {}: set proxmox.node to this node's name, of {}",
                        client.node(), names)};
  }
  if (!state->quorate) {
    return {"cluster", true,
            fmt::format("node {}; whether the cluster has a quorum, and whether this node is in "
                        "maintenance, is told only to who has Sys.Audit on /; without, droverd "
                        "heeds neither",
                        client.node())};
  }
  if (!*state->quorate) {
    return {"cluster", false,
            fmt::format("cluster {} has no quorum: nothing can be changed until most of its nodes "
                        "see each other",
                        state->name)};
  }
  const auto online =
      std::count_if(nodes.begin(), nodes.end(), [](const auto& node) { return node.online; });
  return {"cluster", true,
          state->name.empty() ? fmt::format("node {} stands alone", client.node())
                              : fmt::format("node {} of cluster {}; {} of {} nodes are online",
                                            client.node(), state->name, online, nodes.size())};
}

Finding examine_storage(proxmox::Client& client, system::Clock& clock, const std::string& name,
                        std::string_view content, const Stop& stop) {
  proxmox::Tasks tasks(client, clock);
  const auto found = proxmox::Storage(client, tasks).find(name, stop);
  if (!found) {
    return {"storage", false, found.error().message};
  }
  if (!found->active) {
    return {"storage", false, fmt::format("storage {} is not active on this node", name)};
  }
  if (!content.empty() &&
      std::find(found->content.begin(), found->content.end(), content) == found->content.end()) {
    return {"storage",
            false,
            fmt::format("storage {} takes no {} of guests (content {})", name,
                        content == "vztmpl" ? "templates" : "roots", content),
            {fmt::format("pvesm set {} --content {},{}", name, fmt::join(found->content, ","),
                         content)}};
  }
  constexpr int kGib = 30;
  return {"storage", true,
          fmt::format("{} ({}): {} GiB free", name, found->type, found->available_bytes >> kGib)};
}

/// Each server by itself. The first is the node's own.
std::vector<Finding> examine_servers(const proxmox::Endpoint& endpoint, system::Clock& clock,
                                     const Stop& stop) {
  std::vector<proxmox::Server> servers = {endpoint.server};
  servers.insert(servers.end(), endpoint.others.begin(), endpoint.others.end());
  std::vector<Finding> findings;
  for (const proxmox::Server& server : servers) {
    proxmox::Endpoint alone = endpoint;
    alone.server = server;
    alone.others.clear();
    const auto client = proxmox::make_https_client(alone, clock);
    const Result<std::string> version = client ? proxmox::Cluster(**client).version(stop)
                                               : Result<std::string>(Failure(client.error()));
    findings.push_back({"proxmox", version.has_value(),
                        version ? fmt::format("Proxmox VE {} at {}, as {}", *version, server.url,
                                              (*client)->user())
                                : version.error().message});
  }
  return findings;
}

/// It is no fault: guests run as well without.
Finding examine_output(const Config& config) {
  runtimes::GuestOutputOptions options;
  options.units = config.proxmox.unit_folder;
  options.configs = config.proxmox.guest_folder;
  options.layout.state = config.runtime.state_folder;
  const std::string why_not = runtimes::GuestOutput(std::move(options)).why_not();
  return {
      "proxmox", true,
      why_not.empty() ? "what guests print is kept" : "what guests print is not kept: " + why_not};
}

/// What the client may and can do at the node.
std::vector<Finding> examine_node(proxmox::Client& client, const Config& config,
                                  system::Clock& clock, const Stop& stop) {
  const std::string& name = config.network.default_bridge;
  const auto bridge = name.empty() ? Result<proxmox::Bridge>(proxmox::Bridge{})
                                   : proxmox::Network(client).require_bridge(name, stop);
  const bool is_vnet = bridge && bridge->is_vnet;
  std::vector<Finding> findings =
      examine_privileges(client, needed_privileges(config, client.node(), is_vnet), stop);
  if (!is_local_storage(config.storage.default_storage)) {
    findings.push_back(examine_storage(client, clock, config.storage.default_storage, "", stop));
  }
  if (config.routes_to(RuntimeKind::pve_lxc)) {
    findings.push_back(
        examine_storage(client, clock, config.storage.guest_storage, "rootdir", stop));
    findings.push_back(examine_output(config));
  }
  for (const std::string& storage : config.storage.template_storages) {
    findings.push_back(examine_storage(client, clock, storage, "vztmpl", stop));
  }
  std::vector<Finding> more = examine_node_storage(client, config, clock, stop);
  std::move(more.begin(), more.end(), std::back_inserter(findings));
  if (!name.empty()) {
    findings.push_back(
        {"network", bridge.has_value(),
         bridge ? fmt::format("bridge {} is active", name) : bridge.error().message});
  }
  return findings;
}

}  // namespace

std::vector<Finding> examine_proxmox(const Config& config, system::Clock& clock, const Stop& stop) {
  const Result<proxmox::Endpoint> endpoint = proxmox_endpoint(config);
  if (!endpoint) {
    return {{"proxmox", false, endpoint.error().message}};
  }
  std::vector<Finding> findings = examine_servers(*endpoint, clock, stop);
  const auto client = proxmox::make_https_client(*endpoint, clock);
  const bool any = std::any_of(findings.begin(), findings.end(),
                               [](const Finding& finding) { return finding.ok; });
  if (!client || !any) {
    return findings;
  }
  findings.push_back(examine_cluster(**client, findings.front().ok, stop));
  std::vector<Finding> more = examine_node(**client, config, clock, stop);
  std::move(more.begin(), more.end(), std::back_inserter(findings));
  return findings;
}

}  // namespace drover::doctor
