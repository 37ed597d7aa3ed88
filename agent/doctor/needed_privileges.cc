#include "agent/doctor/needed_privileges.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace drover::doctor {
namespace {

class Needs {
 public:
  void add(const std::string& path, std::initializer_list<const char*> names,
           const std::string& by = "") {
    for (const char* name : names) {
      const bool there = std::any_of(all_.begin(), all_.end(), [&](const Need& need) {
        return need.privilege == proxmox::Privilege{path, name};
      });
      if (!there) {
        all_.push_back({{path, name}, by});
      }
    }
  }
  std::vector<Need> take() { return std::move(all_); }

 private:
  std::vector<Need> all_;
};

void add_guests(Needs& needs, const Config& config, const std::string& by) {
  needs.add("/storage/" + config.storage.guest_storage,
            {"Datastore.Audit", "Datastore.AllocateSpace"}, by);
  // Guests get numbers that are not there yet, so they are granted for all.
  needs.add("/vms",
            {"VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.Disk", "VM.Config.CPU",
             "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options", "VM.Snapshot",
             "VM.Snapshot.Rollback", "VM.Backup", "VM.Clone", "VM.Migrate"},
            by);
}

}  // namespace

std::vector<Need> needed_privileges(const Config& config, const std::string& node,
                                    bool bridge_is_vnet) {
  Needs needs;
  const std::string here = "/nodes/" + node;
  // Tasks that others have begun.
  needs.add(here, {"Sys.Audit"});
  if (const std::string& storage = config.storage.default_storage; !is_local_storage(storage)) {
    needs.add("/storage/" + storage,
              {"Datastore.Audit", "Datastore.AllocateSpace", "Datastore.Allocate"});
  }
  const bool has_guests = config.routes_to(RuntimeKind::pve_lxc);
  if (has_guests) {
    add_guests(needs, config, "");
    // Bridges of nodes are of this zone, since PVE 8.
    if (const std::string& bridge = config.network.default_bridge;
        !bridge.empty() && !bridge_is_vnet) {
      needs.add("/sdn/zones/localnetwork/" + bridge, {"SDN.Use"});
    }
  }
  for (const std::string& storage : config.storage.template_storages) {
    needs.add("/storage/" + storage,
              {"Datastore.Audit", "Datastore.AllocateTemplate", "Datastore.Allocate"});
    // Whoever has the node fetch something learns what its network reaches.
    needs.add(here, {"Sys.AccessNetwork"});
  }
  needs.add("/", {"Sys.Audit"},
            "guests with a firewall, and for heeding the cluster's quorum and maintenance");
  // Who may not use a bridge does not see it either.
  needs.add(here, {"Sys.Modify"}, "network.ensure and network.remove");
  needs.add("/sdn/zones/localnetwork", {"SDN.Use"},
            "network.ensure and network.remove, and guests on bridges that jobs name");
  needs.add(
      "/sdn", {"SDN.Allocate", "SDN.Audit"},
      "network.ensure and network.remove with a zone, and containers on vnets whose addresses "
      "Proxmox keeps");
  if (!has_guests) {
    add_guests(needs, config, "jobs that name the runtime pve-lxc");
  }
  return needs.take();
}

}  // namespace drover::doctor
