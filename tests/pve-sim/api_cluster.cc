// The methods about the cluster.
#include <ctime>
#include <sstream>

#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/node_figures.h"
#include "tests/pve-sim/peers.h"
#include "tests/pve-sim/quorum.h"

namespace drover::pve_sim {

Answer Api::cluster_status() const {
  json::Object node{{"id", "node/" + place_.node},
                    {"type", "node"},
                    {"name", place_.node},
                    {"ip", "127.0.0.1"},
                    {"local", 1},
                    {"online", 1},
                    {"nodeid", 0},
                    {"level", ""}};
  const Result<std::string> cluster = system::read_file(place_.cluster());
  if (!cluster) {
    return with_data(json::Array{std::move(node)});
  }
  const std::string name = cluster->substr(0, cluster->find(' '));
  const int quorate = has_quorum(place_) ? 1 : 0;
  node.set("nodeid", 1);
  json::Object other{{"id", "node/other"}, {"type", "node"}, {"name", "other"},
                     {"ip", "127.0.0.2"},  {"local", 0},     {"online", quorate},
                     {"nodeid", 2},        {"level", ""}};
  json::Object whole{{"id", "cluster"}, {"type", "cluster"},  {"name", name},
                     {"nodes", 2},      {"quorate", quorate}, {"version", 3}};
  return with_data(json::Array{std::move(whole), std::move(node), std::move(other)});
}

json::Object Api::resource_of_guest(const Place& place, const std::string& vmid) {
  json::Object guest = guest_status(place, vmid);
  const json::Value cpus = *guest.find("cpus");
  const json::Value mem = *guest.find("mem");
  for (const char* key : {"cpus", "swap", "maxswap", "pid"}) {
    guest.erase(key);
  }
  if (guest.find("template") == nullptr) {
    guest.set("template", 0);
  }
  guest.set("maxcpu", cpus);
  guest.set("memhost", mem);
  guest.set("node", place.node);
  guest.set("id", "lxc/" + vmid);
  return guest;
}

Answer Api::resources(const Parameters& given, const std::string& user) const {
  const std::string type = given.contains("type") ? given.at("type") : "";
  json::Array list;
  if (type.empty() || type == "vm") {
    std::vector<Place> nodes = all_peers(place_);
    nodes.insert(nodes.begin(), place_);
    for (const Place& node : nodes) {
      for (const std::string& vmid : guest_ids(node)) {
        if (users_.has(user, "/vms/" + vmid, "VM.Audit")) {
          list.emplace_back(resource_of_guest(node, vmid));
        }
      }
    }
  }
  if (type.empty() || type == "node") {
    const bool all = users_.has(user, "/nodes/" + place_.node, "Sys.Audit");
    json::Object node = all ? node_row(place_) : bare_node_row(place_);
    node.erase("ssl_fingerprint");
    node.set("cgroup-mode", 2);
    list.emplace_back(std::move(node));
  }
  return with_data(std::move(list));
}

Answer Api::manager_status() const {
  const json::Value quorate = has_quorum(place_) ? json::Value(1) : json::Value("");
  json::Object all{{"manager_status", json::Object{}},
                   {"quorum", json::Object{{"node", place_.node}, {"quorate", quorate}}}};
  const Result<std::string> ha = system::read_file(place_.ha());
  if (!ha) {
    return with_data(std::move(all));
  }
  std::istringstream words(*ha);
  std::string state;
  std::string asked;
  words >> state >> asked;
  const std::int64_t now = std::time(nullptr);
  json::Object request;
  if (state == "maintenance" || asked == "maintenance") {
    request.set("maintenance", 1);
  }
  all.set("manager_status",
          json::Object{{"master_node", place_.node},
                       {"timestamp", now},
                       {"node_status", json::Object{{place_.node, state}}},
                       {"node_request", json::Object{{place_.node, std::move(request)}}},
                       {"service_status", json::Object{}}});
  json::Object lrm{{"mode", state == "maintenance" ? "maintenance" : "active"},
                   {"state", state == "maintenance" ? "maintenance" : "wait_for_agent_lock"},
                   {"timestamp", now},
                   {"results", json::Object{}}};
  all.set("lrm_status", json::Object{{place_.node, std::move(lrm)}});
  return with_data(std::move(all));
}

}  // namespace drover::pve_sim
