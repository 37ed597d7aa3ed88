// The methods below /nodes/NODE/network.
#include <array>
#include <mutex>

#include "agent/core/split.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/interfaces.h"
#include "tests/pve-sim/sdn_apply.h"

namespace drover::pve_sim {
namespace {

// One change of the configuration after the other.
std::mutex writing;

constexpr std::array kNumbersOfInterfaces{"autostart", "bridge_vlan_aware"};

Answer no_interface() {
  return bad_parameters({{"iface", "interface does not exist"}});
}

/// The interface other than `iface` that has the default gateway; "" for none.
std::string gateway_of_another(const json::Object& interfaces, const std::string& iface) {
  for (const auto& [name, value] : interfaces) {
    if (name != iface && value.find("gateway") != nullptr) {
      return name;
    }
  }
  return "";
}

/// As the API stores what it was given, onto what it had.
void configure(json::Object& interface, const Parameters& given) {
  for (const auto& [key, value] : given) {
    if (key == "node" || key == "iface" || key == "delete") {
      continue;
    }
    const bool is_number = std::find(kNumbersOfInterfaces.begin(), kNumbersOfInterfaces.end(),
                                     key) != kNumbersOfInterfaces.end();
    if (is_number) {
      interface.set(key, json::Value(value).integer_or(0));
    } else {
      interface.set(key, key == "comments" && !value.ends_with('\n') ? value + "\n" : value);
    }
  }
  if (given.contains("delete")) {
    for (const std::string& name : split(given.at("delete"), ",")) {
      interface.erase(name);
    }
  }
}

json::Object shown(const json::Value& interface, int priority, bool active) {
  json::Object bridge{{"method", "manual"},
                      {"method6", "manual"},
                      {"families", json::Array{"inet"}},
                      {"priority", priority}};
  if (interface.at("type").string_or("") == "bridge") {
    bridge.set("bridge_ports", "");
    bridge.set("bridge_stp", "off");
    bridge.set("bridge_fd", "0");
  }
  for (const auto& [key, value] : *interface.object()) {
    if (!value.is_number() || value.integer_or(0) != 0) {
      bridge.set(key, value);
    }
  }
  if (const std::string_view cidr = interface.at("cidr").string_or(""); !cidr.empty()) {
    bridge.set("method", "static");
    bridge.set("address", cidr.substr(0, cidr.find('/')));
    bridge.set("netmask", cidr.substr(cidr.find('/') + 1));
  }
  if (active) {
    bridge.set("active", 1);
  }
  return bridge;
}

void hide_new_ones(const Place& place, json::Object& interfaces) {
  json::Object seen;
  for (const std::string& name : place.bridges) {
    if (const json::Value* interface = interfaces.find(name)) {
      seen.set(name, *interface);
    }
  }
  interfaces = std::move(seen);
}

void hide_what_may_not_be_used(const Has& has, json::Object& interfaces) {
  json::Object seen;
  for (const auto& [name, interface] : interfaces) {
    const std::string path = "/sdn/zones/localnetwork/" + name;
    const bool is_bridge = interface.at("type").string_or("bridge") == "bridge";
    if (!is_bridge || has(path, "SDN.Use") || has(path, "SDN.Audit")) {
      seen.set(name, interface);
    }
  }
  interfaces = std::move(seen);
}

Answer with_changes(json::Value data, const std::string& changes) {
  Answer answer = with_data(std::move(data));
  if (!changes.empty()) {
    answer.body.object()->set("changes", changes);
  }
  return answer;
}

Answer listed(const Place& place, const Interfaces& interfaces, const std::set<std::string>& active,
              const Parameters& given, const std::string& changes) {
  const std::string type = given.contains("type") ? given.at("type") : "";
  json::Array list;
  int priority = 3;
  for (const auto& [name, value] : interfaces.written) {
    json::Object bridge = shown(value, priority++, active.contains(name));
    bridge.set("iface", name);
    const bool is_bridge = value.at("type").string_or("") == "bridge";
    if (type.empty() || type == "include_sdn" || value.at("type").string_or("") == type ||
        (is_bridge && type.find("bridge") != std::string::npos)) {
      list.emplace_back(std::move(bridge));
    }
  }
  if (type == "any_bridge" || type == "include_sdn" || type == "vnet") {
    for (const auto& [name, value] : local_vnets(place)) {
      json::Object vnet = *value.object();
      vnet.set("iface", name);
      list.emplace_back(std::move(vnet));
    }
  }
  return with_changes(std::move(list), changes);
}

}  // namespace

Answer Api::network(const std::string& method, const std::vector<std::string>& parts,
                    const Form& form, const std::string& user) {
  if (parts.size() > 4 || (parts.size() == 4 && method == "POST")) {
    return not_implemented(method, parts);
  }
  const std::string name =
      method + (parts.size() == 3 ? " /nodes/{node}/network" : " /nodes/{node}/network/{iface}");
  const Parameters given =
      CHECKED(name, parts.size() == 3 ? Parameters{} : (Parameters{{"iface", parts[3]}}));
  const std::lock_guard lock(writing);
  Result<Interfaces> loaded = load_interfaces(place_);
  if (!loaded) {
    return error(loaded.error().message);
  }
  json::Object& written = loaded->written;
  if (method == "GET") {
    const Result<std::string> changes = changes_of(place_, *loaded);
    if (!changes) {
      return error(changes.error().message);
    }
    if (faults_.take("hidden", "GET /nodes/" + place_.node + "/network")) {
      hide_new_ones(place_, written);
    }
    const std::set<std::string> active = active_interfaces(place_, *loaded);
    if (parts.size() == 3) {
      hide_what_may_not_be_used(granted_to(user), written);
      return listed(place_, *loaded, active, given, *changes);
    }
    const json::Value* found = written.find(parts[3]);
    return found == nullptr ? no_interface()
                            : with_changes(shown(*found, 3, active.contains(parts[3])), *changes);
  }
  if (method == "PUT" && parts.size() == 3) {
    return start_task({"srvreload", "networking", {}}, user);
  }
  if (method == "DELETE" && parts.size() == 3) {
    written = loaded->applied;
  } else if (method == "DELETE") {
    if (!written.erase(parts[3])) {
      return no_interface();
    }
  } else {
    const std::string& iface = given.at("iface");
    json::Value* found = written.find(iface);
    if (method == "POST" && found != nullptr) {
      return bad_parameters({{"iface", "interface already exists"}});
    }
    if (method == "PUT" && found == nullptr) {
      return no_interface();
    }
    if (const std::string other = gateway_of_another(written, iface);
        given.contains("gateway") && !other.empty()) {
      return bad_parameters(
          {{"gateway", "Default gateway already exists on interface '" + other + "'."}});
    }
    json::Object interface = found == nullptr ? json::Object() : *found->object();
    configure(interface, given);
    written.set(iface, std::move(interface));
  }
  Result<> saved = save_interfaces(place_, *loaded);
  if (saved) {
    saved = note_writing(place_, method == "DELETE" && parts.size() == 3);
  }
  return saved ? with_data(nullptr) : error(saved.error().message);
}

}  // namespace drover::pve_sim
