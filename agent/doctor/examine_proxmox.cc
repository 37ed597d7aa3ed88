#include "agent/doctor/examine_proxmox.h"

#include <algorithm>
#include <set>

#include "agent/doctor/proxmox_endpoint.h"
#include "proxmox/cluster.h"
#include "proxmox/network.h"
#include "proxmox/storage.h"

namespace drover::doctor {
namespace {

using system::Stop;

bool is_of_proxmox(const std::string& storage) {
  return storage != "local-folder" && storage != "local-image";
}

std::set<std::string> storages_of(const Config& config) {
  std::set<std::string> storages = {config.storage.guest_storage};
  if (is_of_proxmox(config.storage.default_storage)) {
    storages.insert(config.storage.default_storage);
  }
  return storages;
}

Finding examine_cluster(proxmox::Client& client, const Stop& stop) {
  const auto state = proxmox::Cluster(client).state(stop);
  if (!state) {
    return {"cluster", false, state.error().message};
  }
  const auto& nodes = state->nodes;
  const auto own = std::find_if(nodes.begin(), nodes.end(),
                                [&](const auto& node) { return node.name == client.node(); });
  if (own == nodes.end()) {
    std::string names;
    for (const auto& node : nodes) {
      names += (names.empty() ? "" : ", ") + node.name;
    }
    return {"cluster", false,
            fmt::format("there is no node {}: set proxmox.node to this node's name, of {}",
                        client.node(), names)};
  }
  if (!state->quorate) {
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

Finding examine_privileges(proxmox::Client& client, const Config& config, const Stop& stop) {
  const std::vector<proxmox::Privilege> needed = needed_privileges(config, client.node());
  const auto missing = proxmox::Access(client).missing(needed, stop);
  if (!missing) {
    return {"privileges", false, missing.error().message};
  }
  if (missing->empty()) {
    return {"privileges", true, fmt::format("{} has all that is needed", client.user())};
  }
  std::string list;
  for (const proxmox::Privilege& privilege : *missing) {
    list += fmt::format("{}{} on {}", list.empty() ? "" : ", ", privilege.name, privilege.path);
  }
  return {"privileges", false, fmt::format("{} lacks {}", client.user(), list),
          proxmox::commands_to_grant(needed, *missing, client.user())};
}

Finding examine_storage(proxmox::Client& client, system::Clock& clock, const std::string& name,
                        const Stop& stop) {
  proxmox::Tasks tasks(client, clock);
  const auto found = proxmox::Storage(client, tasks).find(name, stop);
  if (!found) {
    return {"storage", false, found.error().message};
  }
  if (!found->active) {
    return {"storage", false, fmt::format("storage {} is not active on this node", name)};
  }
  constexpr int kGib = 30;
  return {"storage", true,
          fmt::format("{} ({}): {} GiB free", name, found->type, found->available_bytes >> kGib)};
}

}  // namespace

std::vector<proxmox::Privilege> needed_privileges(const Config& config, const std::string& node) {
  std::vector<proxmox::Privilege> needed = {
      {"/", "Sys.Audit"},              // the cluster's state
      {"/nodes/" + node, "Sys.Audit"}  // tasks that others have begun
  };
  for (const std::string& storage : storages_of(config)) {
    for (const char* name : {"Datastore.Audit", "Datastore.AllocateSpace", "Datastore.Allocate"}) {
      needed.push_back({"/storage/" + storage, name});
    }
  }
  // Guests get numbers that are not there yet, so they are granted for all.
  for (const char* name :
       {"VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.Disk", "VM.Config.CPU",
        "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options"}) {
    needed.push_back({"/vms", name});
  }
  if (!config.network.default_bridge.empty()) {
    // Bridges of nodes are of this zone, since PVE 8.
    needed.push_back({"/sdn/zones/localnetwork/" + config.network.default_bridge, "SDN.Use"});
  }
  return needed;
}

std::vector<Finding> examine_proxmox(const Config& config, system::Clock& clock, const Stop& stop) {
  const Result<proxmox::Endpoint> endpoint = proxmox_endpoint(config);
  Result<std::unique_ptr<proxmox::Client>> made =
      endpoint ? proxmox::make_https_client(*endpoint, clock)
               : Result<std::unique_ptr<proxmox::Client>>(Failure(endpoint.error()));
  if (!made) {
    return {{"proxmox", false, made.error().message}};
  }
  proxmox::Client& client = **made;
  const Result<std::string> version = proxmox::Cluster(client).version(stop);
  if (!version) {
    return {{"proxmox", false, version.error().message}};
  }
  std::vector<Finding> findings = {
      {"proxmox", true,
       fmt::format("Proxmox VE {} at {}, as {}", *version, endpoint->server.url, client.user())}};
  findings.push_back(examine_cluster(client, stop));
  findings.push_back(examine_privileges(client, config, stop));
  for (const std::string& storage : storages_of(config)) {
    findings.push_back(examine_storage(client, clock, storage, stop));
  }
  if (const std::string& bridge = config.network.default_bridge; !bridge.empty()) {
    const auto found = proxmox::Network(client).require_bridge(bridge, stop);
    findings.push_back(
        {"network", found.has_value(),
         found ? fmt::format("bridge {} is active", bridge) : found.error().message});
  }
  return findings;
}

}  // namespace drover::doctor
