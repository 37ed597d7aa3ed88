// The methods below /nodes/NODE/lxc.
#include <fmt/format.h>
#include <sys/sysinfo.h>

#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/guest_figures.h"
#include "tests/pve-sim/pending.h"
#include "tests/pve-sim/quorum.h"

namespace drover::pve_sim {

json::Object Api::guest_status(const Place& place, const std::string& vmid) {
  const json::Object config = without_pending(load_guest(place, vmid).value_or(json::Object()));
  const std::optional<int> process = guest_process(place, vmid);
  const auto number = [&config](const char* key, std::int64_t otherwise) {
    const json::Value* value = config.find(key);
    return value == nullptr ? otherwise : value->integer_or(otherwise);
  };
  const json::Value* name = config.find("hostname");
  json::Object status{{"vmid", json::Value(vmid).integer_or(0)},
                      {"name", name == nullptr ? json::Value("CT" + vmid) : *name},
                      {"type", "lxc"},
                      {"status", process ? "running" : "stopped"},
                      {"cpus", number("cores", get_nprocs())},
                      {"maxmem", number("memory", 512) << 20},
                      {"maxswap", number("swap", 0) << 20},
                      {"swap", 0}};
  for (const char* key : {"lock", "tags", "template"}) {
    if (const json::Value* value = config.find(key)) {
      status.set(key, *value);
    }
  }
  if (process) {
    status.set("pid", *process);
  }
  add_figures(place, vmid, config, process, status);
  return status;
}

Answer Api::guests(const std::string& method, const std::vector<std::string>& parts,
                   const Form& form, const std::string& user) {
  if (parts.size() == 3 && method == "GET") {
    CHECKED("GET /nodes/{node}/lxc", {});
    json::Array list;
    for (const std::string& vmid : guest_ids(place_)) {
      if (users_.has(user, "/vms/" + vmid, "VM.Audit")) {
        list.emplace_back(guest_status(place_, vmid));
      }
    }
    return with_data(std::move(list));
  }
  if (parts.size() == 3 && method == "POST") {
    return create_guest(CHECKED("POST /nodes/{node}/lxc", {}), user);
  }
  if (parts.size() < 4) {
    return not_implemented(method, parts);
  }
  if (parts.size() == 4 && method == "GET") {
    CHECKED("GET /nodes/{node}/lxc/{vmid}", (Parameters{{"vmid", parts[3]}}));
    json::Array folders;
    for (const char* name :
         {"config", "pending", "status", "vncproxy", "termproxy", "vncwebsocket", "spiceproxy",
          "migrate", "clone", "rrd", "rrddata", "firewall", "snapshot", "resize", "interfaces"}) {
      folders.emplace_back(json::Object{{"subdir", name}});
    }
    return with_data(std::move(folders));
  }
  if (parts.size() > 4 && parts[4] == "snapshot") {
    return snapshots(method, parts, form, user);
  }
  if (parts.size() > 5 && parts[4] == "firewall") {
    return guest_firewall(method, parts, form);
  }
  const std::string& vmid = parts[3];
  if (parts.size() == 5 && parts[4] == "interfaces" && method == "GET") {
    CHECKED("GET /nodes/{node}/lxc/{vmid}/interfaces", (Parameters{{"vmid", vmid}}));
    return guest_interfaces(vmid);
  }
  if (parts.size() == 5 && parts[4] == "resize" && method == "PUT") {
    return resize_guest(vmid, form, user);
  }
  if (parts.size() == 5 && parts[4] == "clone" && method == "POST") {
    return clone_guest(vmid, form, user);
  }
  if (parts.size() == 5 && parts[4] == "migrate" && method == "POST") {
    return migrate_guest(vmid, form, user);
  }
  const Parameters own{{"vmid", vmid}};
  const std::string verb = parts.size() == 6 && parts[4] == "status" ? parts[5] : "";
  Parameters given;
  if (parts.size() == 4 && method == "DELETE") {
    given = CHECKED("DELETE /nodes/{node}/lxc/{vmid}", own);
  } else if (parts.size() == 5 && parts[4] == "config" && (method == "GET" || method == "PUT")) {
    given = CHECKED(method + " /nodes/{node}/lxc/{vmid}/config", own);
  } else if (parts.size() == 5 && ((parts[4] == "pending" && method == "GET") ||
                                   (parts[4] == "template" && method == "POST"))) {
    given = CHECKED(method + " /nodes/{node}/lxc/{vmid}/" + parts[4], own);
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
    if (const Result<> quorate = check_quorum(place_); !quorate) {
      return error(quorate.error().message);
    }
    return start_task({"vzstart", vmid, {}}, user);
  }
  const std::optional<json::Object> config = load_guest(place_, vmid);
  if (!config) {
    return error(
        fmt::format("Configuration file 'nodes/{}/lxc/{}.conf' does not exist", place_.node, vmid));
  }
  if (verb == "current") {
    json::Object status = guest_status(place_, vmid);
    status.set("ha", json::Object{{"managed", is_managed(vmid) ? 1 : 0}});
    return with_data(std::move(status));
  }
  if (parts.back() == "pending") {
    return with_data(pending_list(*config, digest_of(*config)));
  }
  if (parts.back() == "template") {
    return make_template(vmid, *config);
  }
  if (method == "GET") {
    json::Object shown = given["current"] == "1" ? without_pending(*config) : with_pending(*config);
    shown.erase("snapshots");
    shown.set("digest", digest_of(*config));
    return with_data(std::move(shown));
  }
  if (method == "PUT") {
    return configure_guest(vmid, given, user);
  }
  const bool running = guest_runs(place_, vmid);
  const json::Value* lock = config->find("lock");
  // Whether it runs is looked at first.
  if (lock != nullptr && (running || method == "DELETE")) {
    return error(fmt::format("CT is locked ({})", lock->string_or("")));
  }
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
