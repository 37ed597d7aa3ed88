// The firewall: the cluster's switch, and the methods below
// /nodes/NODE/lxc/VMID/firewall. What it says is kept and told; no packet is filtered.
#include <fmt/format.h>

#include <mutex>

#include "agent/core/split.h"
#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/quorum.h"

namespace drover::pve_sim {
namespace {

// One change of a firewall after the other.
std::mutex firewall_writing;

json::Object load_firewall(const Place& place, const std::string& vmid) {
  const Result<std::string> text = system::read_file(place.firewall(vmid));
  Result<json::Value> value = text ? json::parse(*text) : Result<json::Value>(nullptr);
  json::Object* object = value ? value->object() : nullptr;
  return object == nullptr ? json::Object{{"options", json::Object()},
                                          {"rules", json::Array()},
                                          {"ipsets", json::Object()}}
                           : std::move(*object);
}

Answer saved_firewall(const Place& place, const std::string& vmid, const json::Object& firewall) {
  if (!has_quorum(place)) {
    return error(fmt::format("cfs-lock 'firewall-vm-{}' error: no quorum!", vmid));
  }
  const path file = place.firewall(vmid);
  Result<> saved = system::make_folders(file.parent_path());
  if (saved) {
    saved = system::write_atomically(file, json::write(firewall));
  }
  return saved ? with_data(nullptr) : error(saved.error().message);
}

json::Object options_of(const Parameters& given) {
  json::Object options;
  for (const auto& [key, value] : given) {
    if (key != "node" && key != "vmid") {
      options.set(key, key == "enable" ? json::Value(json::Value(value).integer_or(0))
                                       : json::Value(value));
    }
  }
  return options;
}

std::string digest_of_rules(const json::Array& rules) {
  return digest_of(json::Object{{"rules", rules}});
}

json::Array numbered(const json::Array& rules) {
  const std::string digest = digest_of_rules(rules);
  json::Array shown;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    json::Object rule = *rules[i].object();
    rule.set("pos", static_cast<std::int64_t>(i));
    rule.set("digest", digest);
    shown.emplace_back(std::move(rule));
  }
  return shown;
}

/// A new rule comes before all others, and is off unless it is said to be on.
Answer change_rules(const std::string& method, json::Array& rules, const Parameters& given,
                    const std::string& position) {
  if (method == "POST") {
    json::Object rule{{"enable", 0}};
    for (auto& [key, value] : options_of(given)) {
      rule.set(key, value);
    }
    rules.insert(rules.begin(), std::move(rule));
    return with_data(nullptr);
  }
  if (given.contains("digest") && given.at("digest") != digest_of_rules(rules)) {
    return error("detected modified configuration - file changed by other user? Try again.");
  }
  const auto at = static_cast<std::size_t>(json::Value(position).integer_or(-1));
  if (at >= rules.size()) {
    return bad_parameters({{"pos", "no rule at position " + position}});
  }
  rules.erase(rules.begin() + static_cast<std::ptrdiff_t>(at));
  return with_data(nullptr);
}

Answer list_sets(const json::Object& sets) {
  json::Array list;
  for (const auto& [name, value] : sets) {
    list.emplace_back(json::Object{{"name", name}});
  }
  return with_data(std::move(list));
}

Answer list_set(const json::Object& sets, const std::string& name) {
  json::Array list;
  if (const json::Value* set = sets.find(name)) {
    for (const json::Value& cidr : *set->array()) {
      list.emplace_back(json::Object{{"cidr", cidr}});
    }
  }
  return with_data(std::move(list));
}

Answer remove_from_sets(json::Object& sets, const std::string& name, const std::string& cidr) {
  if (cidr.empty()) {
    sets.erase(name);
    return with_data(nullptr);
  }
  if (json::Value* set = sets.find(name)) {
    std::erase_if(*set->array(),
                  [&cidr](const json::Value& member) { return member.string_or("") == cidr; });
  }
  return with_data(nullptr);
}

Answer add_to_sets(json::Object& sets, const std::string& name, const Parameters& given) {
  json::Value* set = sets.find(name);
  if (!given.contains("cidr")) {
    if (set != nullptr) {
      return error(fmt::format("IPSet '{}' already exists", name));
    }
    sets.set(name, json::Array());
    return with_data(nullptr);
  }
  if (set == nullptr) {
    return error(fmt::format("no such IPSet '{}'", name));
  }
  set->array()->emplace_back(given.at("cidr"));
  return with_data(nullptr);
}

}  // namespace

Answer Api::firewall_switch() const {
  const Result<std::string> said = system::read_file(place_.directory / "cluster-firewall");
  return with_data(json::Object{{"enable", said ? json::Value(*said).integer_or(0) : 1}});
}

Answer Api::guest_firewall(const std::string& method, const std::vector<std::string>& parts,
                           const Form& form) {
  const std::string& vmid = parts[3];
  const std::string what = parts.size() > 5 ? parts[5] : "";
  const std::string name = parts.size() > 6 ? parts[6] : "";
  std::string cidr = parts.size() > 7 ? parts[7] : "";
  if (parts.size() > 8) {
    cidr += "/" + parts[8];
  }
  Parameters own{{"vmid", vmid}};
  std::string described = method + " /nodes/{node}/lxc/{vmid}/firewall/" + what;
  if (!name.empty()) {
    described += what == "rules" ? "/{pos}" : "/{name}";
    own.emplace(what == "rules" ? "pos" : "name", name);
  }
  if (!cidr.empty()) {
    described += "/{cidr}";
    own.emplace("cidr", cidr);
  }
  if (!contract_.knows(described)) {
    return not_implemented(method, parts);
  }
  const Parameters given = CHECKED(described, own);
  if (!load_guest(place_, vmid)) {
    return error(
        fmt::format("Configuration file 'nodes/{}/lxc/{}.conf' does not exist", place_.node, vmid));
  }
  const std::lock_guard lock(firewall_writing);
  json::Object firewall = load_firewall(place_, vmid);
  json::Object& sets = *firewall.find("ipsets")->object();
  json::Array& rules = *firewall.find("rules")->array();
  if (method == "GET") {
    if (what == "options") {
      return with_data(*firewall.find("options"));
    }
    if (what == "rules") {
      return with_data(numbered(rules));
    }
    return name.empty() ? list_sets(sets) : list_set(sets, name);
  }
  Answer changed = with_data(nullptr);
  if (what == "options") {
    json::Object& options = *firewall.find("options")->object();
    for (auto& [key, value] : options_of(given)) {
      options.set(key, value);
    }
    options.erase("delete");
    if (given.contains("delete")) {
      for (const std::string& key : split(given.at("delete"), ",")) {
        options.erase(key);
      }
    }
  } else if (what == "rules") {
    changed = change_rules(method, rules, given, name);
  } else if (method == "DELETE") {
    changed = remove_from_sets(sets, name, cidr);
  } else {
    changed = add_to_sets(sets, given.at("name"), given);
  }
  return changed.status == 200 ? saved_firewall(place_, vmid, firewall) : changed;
}

}  // namespace drover::pve_sim
