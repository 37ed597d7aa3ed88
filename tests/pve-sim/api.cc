#include "tests/pve-sim/api.h"

#include <fmt/format.h>
#include <net/if.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "agent/system/file.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"

namespace drover::pve_sim {

namespace {

std::vector<std::string> split_path(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('/'), text.size());
    if (end > 0) {
      parts.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

Answer Api::start_task(const TaskRequest& request, const std::string& user) {
  Result<std::string> upid = tasks_.start(request, user);
  return upid ? with_data(*upid) : error(upid.error().message);
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
  for (const char* fault : {"lock", "nospace"}) {
    if (faults_.take(fault, line)) {
      return error(message_of(fault, "100"));
    }
  }
  const bool lost = faults_.take("lost", line);
  Answer given = answer(method, target, form, user);
  return lost ? Answer{596, "Broken pipe", nullptr} : given;
}

Answer Api::answer(const std::string& method, const std::string& target, const Form& form,
                   const std::string& user) {
  const std::vector<std::string> parts = split_path(target);
  const std::string what = parts.empty() ? "" : parts[0];
  if (method == "GET" && parts.size() == 1 && what == "version") {
    CHECKED("GET /version", {});
    return with_data(
        json::Object{{"repoid", "0307225d4bc8b3ed"}, {"release", "9.1"}, {"version", "9.1.7"}});
  }
  if (method == "GET" && parts.size() == 2 && what == "access" && parts[1] == "permissions") {
    return permissions(CHECKED("GET /access/permissions", {}));
  }
  if (method == "GET" && parts.size() == 2 && what == "cluster" && parts[1] == "status") {
    CHECKED("GET /cluster/status", {});
    return cluster_status();
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
    CHECKED("GET /cluster/resources", {});
    json::Array list;
    for (const std::string& vmid : guest_ids(place_)) {
      json::Object guest = guest_status(vmid);
      guest.set("node", place_.node);
      guest.set("id", "lxc/" + vmid);
      list.emplace_back(std::move(guest));
    }
    return with_data(std::move(list));
  }
  if (what != "nodes") {
    return not_implemented(method, parts);
  }
  if (parts.size() == 1 && method == "GET") {
    CHECKED("GET /nodes", {});
    struct sysinfo info {};
    sysinfo(&info);
    return with_data(json::Array{json::Object{{"node", place_.node},
                                              {"id", "node/" + place_.node},
                                              {"type", "node"},
                                              {"status", "online"},
                                              {"level", ""},
                                              {"maxmem", std::uint64_t{info.totalram}},
                                              {"uptime", std::int64_t{info.uptime}}}});
  }
  if (parts.size() < 3) {
    return not_implemented(method, parts);
  }
  if (parts[1] != place_.node) {
    return error(
        fmt::format("hostname lookup '{}' failed - failed to get address info for: {}: "
                    "Name or service not known",
                    parts[1], parts[1]));
  }
  return node(method, parts, form, user);
}

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

Answer Api::node(const std::string& method, const std::vector<std::string>& parts, const Form& form,
                 const std::string& user) {
  const std::string& what = parts[2];
  if (what == "status" && parts.size() == 3 && method == "GET") {
    CHECKED("GET /nodes/{node}/status", {});
    struct sysinfo info {};
    sysinfo(&info);
    return with_data(json::Object{
        {"pveversion", "pve-manager/9.1.7/0307225d4bc8b3ed"},
        {"uptime", std::int64_t{info.uptime}},
        {"memory", json::Object{{"total", std::uint64_t{info.totalram}},
                                {"free", std::uint64_t{info.freeram}},
                                {"used", std::uint64_t{info.totalram - info.freeram}}}}});
  }
  if (what == "storage") {
    return storage(method, parts, form, user);
  }
  if (what == "network") {
    return network(method, parts, form);
  }
  if (what == "tasks") {
    return tasks(method, parts, form);
  }
  return what == "lxc" ? guests(method, parts, form, user) : not_implemented(method, parts);
}

Answer Api::network(const std::string& method, const std::vector<std::string>& parts,
                    const Form& form) {
  if (method != "GET" || parts.size() > 4) {
    return not_implemented(method, parts);
  }
  const Parameters given = parts.size() == 3 ? CHECKED("GET /nodes/{node}/network", {})
                                             : CHECKED("GET /nodes/{node}/network/{iface}",
                                                       (Parameters{{"iface", parts[3]}}));
  const std::string type = given.contains("type") ? given.at("type") : "bridge";
  json::Array list;
  int priority = 3;
  for (const std::string& name : place_.bridges) {
    json::Object bridge{{"iface", name},          {"type", "bridge"},
                        {"method", "manual"},     {"method6", "manual"},
                        {"bridge_ports", ""},     {"bridge_stp", "off"},
                        {"bridge_fd", "0"},       {"families", json::Array{"inet"}},
                        {"priority", priority++}, {"autostart", 1}};
    if (if_nametoindex(name.c_str()) != 0) {
      bridge.set("active", 1);
    }
    if (parts.size() == 4 && name == parts[3]) {
      return with_data(std::move(bridge));
    }
    if (type.find("bridge") != std::string::npos) {
      list.emplace_back(std::move(bridge));
    }
  }
  return parts.size() == 3 ? with_data(std::move(list))
                           : bad_parameters({{"iface", "interface does not exist"}});
}

Answer Api::tasks(const std::string& method, const std::vector<std::string>& parts,
                  const Form& form) {
  if (parts.size() == 3 && method == "GET") {
    const Parameters given = CHECKED("GET /nodes/{node}/tasks", {});
    const std::string source = given.contains("source") ? given.at("source") : "archive";
    const auto fits = [&given](const char* filter, const json::Value& value) {
      return !given.contains(filter) || value.string_or("") == given.at(filter);
    };
    json::Array list;
    const std::vector<std::string> upids = tasks_.list();
    for (const std::string& upid : upids) {
      if (std::optional<json::Object> status = tasks_.status(upid)) {
        const bool runs = status->find("exitstatus") == nullptr;
        if (source == (runs ? "archive" : "active") || !fits("typefilter", *status->find("type")) ||
            !fits("vmid", *status->find("id"))) {
          continue;
        }
        if (const json::Value* ended = status->find("exitstatus")) {
          status->set("status", json::Value(*ended));
          status->erase("exitstatus");
        } else {
          status->set("status", "RUNNING");
        }
        list.emplace_back(std::move(*status));
      }
    }
    return data_of(std::move(list), static_cast<std::int64_t>(upids.size()));
  }
  if (parts.size() < 4) {
    return not_implemented(method, parts);
  }
  const Parameters own{{"upid", parts[3]}};
  if (!parse_upid(parts[3])) {
    return bad_parameters({{"upid", "unable to parse worker upid"}});
  }
  if (parts.size() == 4 && method == "DELETE") {
    CHECKED("DELETE /nodes/{node}/tasks/{upid}", own);
    tasks_.abort(parts[3]);
    return with_data(nullptr);
  }
  if (parts.size() == 4 && method == "GET") {
    return with_data(json::Array{json::Object{{"name", "log"}}, json::Object{{"name", "status"}}});
  }
  if (parts.size() == 5 && method == "GET" && parts[4] == "status") {
    CHECKED("GET /nodes/{node}/tasks/{upid}/status", own);
    std::optional<json::Object> status = tasks_.status(parts[3]);
    return status && !tasks_.is_late(parts[3]) ? with_data(std::move(*status))
                                               : bad_parameters({{"upid", "no such task"}});
  }
  if (parts.size() == 5 && method == "GET" && parts[4] == "log") {
    const Parameters given = CHECKED("GET /nodes/{node}/tasks/{upid}/log", own);
    const std::vector<std::string> lines = tasks_.log(parts[3]).value_or(
        std::vector<std::string>{"unable to open file - No such file or directory"});
    const auto number = [&given](const char* key, std::int64_t otherwise) {
      return given.contains(key) ? json::Value(given.at(key)).integer_or(otherwise) : otherwise;
    };
    const auto total = static_cast<std::int64_t>(lines.size());
    const std::int64_t first = number("start", 0);
    const std::int64_t limit = number("limit", 50);
    json::Array list;
    for (std::int64_t i = first; i < total && (limit == 0 || i < first + limit); ++i) {
      list.emplace_back(json::Object{{"n", i + 1}, {"t", lines[static_cast<std::size_t>(i)]}});
    }
    return data_of(std::move(list), total);
  }
  return not_implemented(method, parts);
}

Answer Api::guests(const std::string& method, const std::vector<std::string>& parts,
                   const Form& form, const std::string& user) {
  if (parts.size() == 3 && method == "GET") {
    CHECKED("GET /nodes/{node}/lxc", {});
    json::Array list;
    for (const std::string& vmid : guest_ids(place_)) {
      list.emplace_back(guest_status(vmid));
    }
    return with_data(std::move(list));
  }
  if (parts.size() == 3 && method == "POST") {
    return create_guest(CHECKED("POST /nodes/{node}/lxc", {}), user);
  }
  if (parts.size() < 4) {
    return not_implemented(method, parts);
  }
  const std::string& vmid = parts[3];
  const Parameters own{{"vmid", vmid}};
  const std::string verb = parts.size() == 6 && parts[4] == "status" ? parts[5] : "";
  Parameters given;
  if (parts.size() == 4 && method == "DELETE") {
    given = CHECKED("DELETE /nodes/{node}/lxc/{vmid}", own);
  } else if (parts.size() == 5 && parts[4] == "config" && (method == "GET" || method == "PUT")) {
    given = CHECKED(method + " /nodes/{node}/lxc/{vmid}/config", own);
  } else if ((method == "GET" && verb == "current") ||
             (method == "POST" && (verb == "start" || verb == "stop" || verb == "shutdown"))) {
    given = CHECKED(method + " /nodes/{node}/lxc/{vmid}/status/" + verb, own);
  } else {
    return not_implemented(method, parts);
  }
  if (verb == "start") {
    if (load_guest(place_, vmid) && guest_runs(place_, vmid)) {
      return error(fmt::format("CT {} already running", vmid));
    }
    return start_task({"vzstart", vmid, {}}, user);
  }
  const std::optional<json::Object> config = load_guest(place_, vmid);
  if (!config) {
    return error(
        fmt::format("Configuration file 'nodes/{}/lxc/{}.conf' does not exist", place_.node, vmid));
  }
  if (verb == "current") {
    return with_data(guest_status(vmid));
  }
  if (method == "GET") {
    json::Object shown = *config;
    if (const json::Value* lock = config->find("lock")) {
      shown = json::Object{{"lock", *lock}};
    }
    shown.set("digest", digest_of(*config));
    return with_data(std::move(shown));
  }
  if (method == "PUT") {
    return configure_guest(vmid, given, user);
  }
  const json::Value* lock = config->find("lock");
  if (lock != nullptr) {
    return error(fmt::format("CT is locked ({})", lock->string_or("")));
  }
  const bool running = guest_runs(place_, vmid);
  if (method == "DELETE") {
    if (running && !(given.contains("force") && given["force"] == "1")) {
      return error(fmt::format("unable to destroy CT {} - container is running", vmid));
    }
    return start_task({"vzdestroy", vmid, {}}, user);
  }
  if (!running) {
    return error(fmt::format("CT {} not running", vmid));
  }
  json::Object details;
  for (const char* key : {"timeout", "forceStop"}) {
    if (given.contains(key)) {
      details.set(key, given.at(key));
    }
  }
  return start_task({"vz" + verb, vmid, std::move(details)}, user);
}

}  // namespace drover::pve_sim
