// The methods about the cluster and who may do what in it.
#include <sstream>

#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/node_figures.h"

namespace drover::pve_sim {

Answer Api::permissions(const Parameters& given) const {
  const std::string where = given.contains("path") ? given.at("path") : "/";
  json::Object all;
  for (const char* right :
       {"Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.Audit", "SDN.Use", "Sys.Audit",
        "VM.Allocate", "VM.Audit", "VM.Config.CPU", "VM.Config.Disk", "VM.Config.Memory",
        "VM.Config.Network", "VM.Config.Options", "VM.PowerMgmt"}) {
    all.set(right, 1);
  }
  const Result<std::string> denied = system::read_file(place_.denied());
  std::istringstream lines(denied.value_or(""));
  for (std::string path, right; lines >> path >> right;) {
    if (path == where) {
      all.erase(right);
    }
  }
  return with_data(json::Object{{where, std::move(all)}});
}

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
  std::istringstream words(*cluster);
  std::string name;
  int quorate = 0;
  words >> name >> quorate;
  node.set("nodeid", 1);
  json::Object other{{"id", "node/other"}, {"type", "node"}, {"name", "other"},
                     {"ip", "127.0.0.2"},  {"local", 0},     {"online", quorate},
                     {"nodeid", 2},        {"level", ""}};
  json::Object whole{{"id", "cluster"}, {"type", "cluster"},  {"name", name},
                     {"nodes", 2},      {"quorate", quorate}, {"version", 3}};
  return with_data(json::Array{std::move(whole), std::move(node), std::move(other)});
}

Answer Api::resources(const Parameters& given) const {
  const std::string type = given.contains("type") ? given.at("type") : "";
  json::Array list;
  if (type.empty() || type == "vm") {
    for (const std::string& vmid : guest_ids(place_)) {
      json::Object guest = guest_status(vmid);
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
      guest.set("node", place_.node);
      guest.set("id", "lxc/" + vmid);
      list.emplace_back(std::move(guest));
    }
  }
  if (type.empty() || type == "node") {
    json::Object node = node_row(place_);
    node.erase("ssl_fingerprint");
    node.set("cgroup-mode", 2);
    list.emplace_back(std::move(node));
  }
  return with_data(std::move(list));
}

}  // namespace drover::pve_sim
