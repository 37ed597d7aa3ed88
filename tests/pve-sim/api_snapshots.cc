// The methods below /nodes/NODE/lxc/VMID/snapshot.
#include <fmt/format.h>

#include <algorithm>

#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"

namespace drover::pve_sim {
namespace {

bool is_configid(std::string_view name) {
  return name.size() > 1 && std::isalpha(static_cast<unsigned char>(name.front())) != 0 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

Answer bad_name(const std::string& name) {
  return bad_parameters(
      {{"snapname", fmt::format("invalid format - invalid configuration ID '{}'\n", name)}});
}

json::Array listed(const Place& place, const std::string& vmid, const json::Object& config) {
  json::Array list;
  if (const json::Value* all = config.find("snapshots"); all != nullptr) {
    for (const auto& [name, value] : *all->object()) {
      json::Object item{{"name", name},
                        {"snaptime", value.at("snaptime").integer_or(0)},
                        {"description", value.at("description").string_or("")}};
      for (const char* key : {"parent", "snapstate"}) {
        if (const json::Value* found = value.find(key)) {
          item.set(key, *found);
        }
      }
      list.emplace_back(std::move(item));
    }
  }
  json::Object now{{"name", "current"},
                   {"digest", digest_of(config)},
                   {"running", guest_runs(place, vmid) ? 1 : 0},
                   {"description", "You are here!"}};
  if (const json::Value* parent = config.find("parent")) {
    now.set("parent", *parent);
  }
  list.emplace_back(std::move(now));
  return list;
}

}  // namespace

Answer Api::snapshots(const std::string& method, const std::vector<std::string>& parts,
                      const Form& form, const std::string& user) {
  const std::string& vmid = parts[3];
  if (parts.size() == 5 && method == "GET") {
    CHECKED("GET /nodes/{node}/lxc/{vmid}/snapshot", (Parameters{{"vmid", vmid}}));
    const std::optional<json::Object> config = load_guest(place_, vmid);
    return config ? with_data(listed(place_, vmid, *config))
                  : error(fmt::format("Configuration file 'nodes/{}/lxc/{}.conf' does not exist",
                                      place_.node, vmid));
  }
  if (parts.size() == 5 && method == "POST") {
    Parameters given =
        CHECKED("POST /nodes/{node}/lxc/{vmid}/snapshot", (Parameters{{"vmid", vmid}}));
    const std::string name = given["snapname"];
    if (!is_configid(name)) {
      return bad_name(name);
    }
    if (name == "current" || name == "vzdump") {
      return error(fmt::format("unable to use snapshot name '{}' (reserved name)", name));
    }
    return start_task(
        {"vzsnapshot", vmid, {{"snapname", name}, {"description", given["description"]}}}, user);
  }
  if (parts.size() < 6) {
    return not_implemented(method, parts);
  }
  const Parameters own{{"vmid", vmid}, {"snapname", parts[5]}};
  const json::Object details{{"snapname", parts[5]}, {"description", ""}};
  if (parts.size() == 6 && method == "DELETE") {
    CHECKED("DELETE /nodes/{node}/lxc/{vmid}/snapshot/{snapname}", own);
    return start_task({"vzdelsnapshot", vmid, details}, user);
  }
  if (parts.size() == 7 && parts[6] == "rollback" && method == "POST") {
    CHECKED("POST /nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback", own);
    return start_task({"vzrollback", vmid, details}, user);
  }
  return not_implemented(method, parts);
}

}  // namespace drover::pve_sim
