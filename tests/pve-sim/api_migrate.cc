// The method that moves a guest to another node.
#include <fmt/format.h>

#include <sstream>

#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/quorum.h"

namespace drover::pve_sim {

bool Api::is_managed(const std::string& vmid) const {
  std::istringstream lines(system::read_file(place_.ha_guests()).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line == vmid) {
      return true;
    }
  }
  return false;
}

Answer Api::migrate_guest(const std::string& vmid, const Form& form, const std::string& user) {
  Parameters given = CHECKED("POST /nodes/{node}/lxc/{vmid}/migrate", (Parameters{{"vmid", vmid}}));
  const std::string target = given["target"];
  if (target == place_.node) {
    return bad_parameters({{"target", "target is local node."}});
  }
  if (const Result<> quorate = check_quorum(place_); !quorate) {
    return error(quorate.error().message);
  }
  // The only other one that the cluster has (Api::cluster_status).
  if (!std::filesystem::exists(place_.cluster()) || target != "other") {
    return error(fmt::format("no such cluster node '{}'", target));
  }
  if (!load_guest(place_, vmid)) {
    return error(
        fmt::format("Configuration file 'nodes/{}/lxc/{}.conf' does not exist", place_.node, vmid));
  }
  if (guest_runs(place_, vmid) && given["online"] != "1" && given["restart"] != "1") {
    return error("can't migrate running container without --online or --restart");
  }
  if (const std::string storage = given["target-storage"]; !storage.empty()) {
    if (!users_.has(user, "/vms/" + vmid, "VM.Config.Disk")) {
      return error(fmt::format("Permission check failed (/vms/{}, VM.Config.Disk)", vmid), 403);
    }
    if (!users_.has(user, "/storage/" + storage, "Datastore.AllocateSpace")) {
      return error(
          fmt::format("Permission check failed (/storage/{}, Datastore.AllocateSpace)", storage),
          403);
    }
  }
  if (is_managed(vmid)) {
    return start_task({"hamigrate", vmid, {{"target", target}}}, user);
  }
  json::Object details;
  for (const auto& [key, value] : given) {
    if (key != "vmid") {
      details.set(key, value);
    }
  }
  return start_task({"vzmigrate", vmid, std::move(details)}, user);
}

}  // namespace drover::pve_sim
