#include "tests/pve-sim/api.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/core/split.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/node_figures.h"
#include "tests/pve-sim/peers.h"
#include "tests/pve-sim/quorum.h"

namespace drover::pve_sim {

Answer Api::start_task(const TaskRequest& request, const std::string& user) {
  Result<std::string> upid = tasks_.start(request, user);
  return upid ? with_data(*upid) : error(upid.error().message);
}

Has Api::granted_to(const std::string& user) const {
  return [this, user](const std::string& path, const std::string& privilege) {
    return users_.has(user, path, privilege);
  };
}

std::string Api::refusal(const std::string& method, const std::string& target, const Form& form,
                         const std::string& user) const {
  const std::optional<Permissions::Method> found = permissions_.find(method, split(target, "/"));
  if (!found) {
    return "";
  }
  Parameters known = found->in_path;
  for (const auto& [name, values] : form) {
    known.emplace(name, values.front());
  }
  return permissions_.refusal(found->name, known, granted_to(user));
}

Answer Api::handle(const std::string& method, const std::string& target, const Form& form,
                   const std::string& user) {
  const std::string line = method + " " + target;
  if (faults_.take("refused", line)) {
    return {595, "Connection refused", nullptr};
  }
  if (faults_.take("denied", line)) {
    return error("Permission check failed (/, Sys.Audit)", 403);
  }
  if (const std::string why = refusal(method, target, form, user); !why.empty()) {
    return error(why, 403);
  }
  for (const char* fault : {"lock", "nospace"}) {
    if (faults_.take(fault, line)) {
      return error(message_of(fault, "100"));
    }
  }
  const bool lost = faults_.take("lost", line);
  Answer given = answer(method, target, form, user);
  return lost ? Answer{596, "Connection timed out", nullptr} : given;
}

Answer Api::answer(const std::string& method, const std::string& target, const Form& form,
                   const std::string& user) {
  const std::vector<std::string> parts = split(target, "/");
  if (parts.empty() && method == "GET") {
    json::Array folders;
    for (const char* name : {"version", "cluster", "nodes", "storage", "access", "pools"}) {
      folders.emplace_back(json::Object{{"subdir", name}});
    }
    return with_data(std::move(folders));
  }
  const std::string what = parts.empty() ? "" : parts[0];
  if (method == "GET" && parts.size() == 1 && what == "version") {
    CHECKED("GET /version", {});
    return with_data(
        json::Object{{"repoid", "0307225d4bc8b3ed"}, {"release", "9.1"}, {"version", "9.1.7"}});
  }
  if (what == "access" && parts.size() > 1) {
    return access(method, parts, form, user);
  }
  if (method == "GET" && parts.size() == 2 && what == "cluster" && parts[1] == "status") {
    CHECKED("GET /cluster/status", {});
    return cluster_status();
  }
  if (method == "GET" &&
      parts == std::vector<std::string>{"cluster", "ha", "status", "manager_status"}) {
    CHECKED("GET /cluster/ha/status/manager_status", {});
    return manager_status();
  }
  if (method == "GET" && parts.size() == 2 && what == "cluster" && parts[1] == "nextid") {
    const Parameters given = CHECKED("GET /cluster/nextid", {});
    if (given.contains("vmid")) {
      const std::string& vmid = given.at("vmid");
      return load_guest(place_, vmid)
                 ? bad_parameters({{"vmid", fmt::format("VM {} already exists", vmid)}})
                 : with_data(vmid);
    }
    int free = 100;
    while (load_guest(place_, std::to_string(free))) {
      ++free;
    }
    return with_data(std::to_string(free));
  }
  if (method == "GET" && parts.size() == 2 && what == "cluster" && parts[1] == "resources") {
    return resources(CHECKED("GET /cluster/resources", {}), user);
  }
  if (method == "GET" && target == "/cluster/tasks") {
    CHECKED("GET /cluster/tasks", {});
    return list_newest_tasks(user);
  }
  if (method == "GET" && target == "/cluster/firewall/options") {
    CHECKED("GET /cluster/firewall/options", {});
    return firewall_switch();
  }
  if (what == "cluster" && parts.size() >= 2 && parts[1] == "sdn") {
    return sdn(method, parts, form, user);
  }
  if (what == "storage") {
    return storage_config(method, parts, form);
  }
  if (what != "nodes") {
    return not_implemented(method, parts);
  }
  if (parts.size() == 1 && method == "GET") {
    CHECKED("GET /nodes", {});
    const bool all = users_.has(user, "/nodes/" + place_.node, "Sys.Audit");
    return with_data(json::Array{all ? node_row(place_) : bare_node_row(place_)});
  }
  if (parts.size() < 3) {
    return not_implemented(method, parts);
  }
  if (parts[1] == "other" && target == "/nodes/other/network" && has_quorum(place_)) {
    CHECKED("GET /nodes/{node}/network", {});
    return with_data(json::Array{});
  }
  if (const std::optional<Place> peer = find_peer(place_, parts[1]); peer && has_quorum(place_)) {
    return Api(*peer, users_).node(method, parts, form, user);
  }
  if (parts[1] != place_.node) {
    return error(
        fmt::format("hostname lookup '{}' failed - failed to get address info for: {}: "
                    "Name or service not known",
                    parts[1], parts[1]));
  }
  return node(method, parts, form, user);
}

Answer Api::node(const std::string& method, const std::vector<std::string>& parts, const Form& form,
                 const std::string& user) {
  const std::string& what = parts[2];
  if (what == "status" && parts.size() == 3 && method == "GET") {
    CHECKED("GET /nodes/{node}/status", {});
    return with_data(node_status(place_));
  }
  if (what == "storage") {
    return storage(method, parts, form, user);
  }
  if (what == "query-oci-repo-tags" && parts.size() == 3 && method == "GET") {
    return oci_tags(CHECKED("GET /nodes/{node}/query-oci-repo-tags", {}));
  }
  if (what == "network") {
    return network(method, parts, form, user);
  }
  if (what == "vzdump" && parts.size() == 3 && method == "POST") {
    return back_up(CHECKED("POST /nodes/{node}/vzdump", {}), user);
  }
  if (what == "tasks") {
    return tasks(method, parts, form, user);
  }
  return what == "lxc" ? guests(method, parts, form, user) : not_implemented(method, parts);
}

}  // namespace drover::pve_sim
