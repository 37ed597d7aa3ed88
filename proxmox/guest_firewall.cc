#include "proxmox/guest_firewall.h"

#include <algorithm>
#include <utility>

#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

/// A rule as the API tells it, of which only what a job can say counts.
FirewallRule rule_of(const json::Value& value) {
  const auto text = [&value](const char* key) { return std::string(value.at(key).string_or("")); };
  return {text("type"), text("action"), text("macro"), text("proto"), text("source"),
          text("dest"), text("sport"),  text("dport"), text("iface"), text("comment")};
}

bool is_same(const json::Value& there, const FirewallRule& wanted) {
  return there.at("enable").integer_or(0) == 1 && rule_of(there) == wanted;
}

bool names_one(const json::Array& list, const char* key, const std::string& name) {
  return std::any_of(list.begin(), list.end(),
                     [&](const json::Value& value) { return value.at(key).string_or("") == name; });
}

/// One that is there already, as after a lost answer, is success.
Result<> unless_there(const Result<json::Value>& answer) {
  return answer || answer.error().code == Code::conflict ? Result<>() : Failure(answer.error());
}

}  // namespace

Result<> GuestFirewall::require_on(const Stop& stop) {
  struct Place {
    std::string name;
    std::string path;
    std::int64_t usually;  ///< whether it is on where nobody has said
    std::string where;
  };
  const std::string node = client_.node();
  for (const Place& place :
       {Place{"the cluster's", "/cluster/firewall/options", 0, "Datacenter, Firewall, Options"},
        Place{"node " + node + "'s", "/nodes/" + path_segment(node) + "/firewall/options", 1,
              "the node's Firewall, Options"}}) {
    const Result<json::Value> options = client_.get(place.path, {}, stop);
    if (!options) {
      return Failure(
          Error(options.error()).context("ask whether " + place.name + " firewall is on"));
    }
    if (options->at("enable").integer_or(place.usually) != 1) {
      return fail(Code::refused,
                  "{} firewall is off, so no rule of a guest would be heeded: turn it on ({})",
                  place.name, place.where);
    }
  }
  return {};
}

Result<> GuestFirewall::add_sets(const std::string& path, const FirewallSpec& firewall,
                                 const Stop& stop) {
  if (firewall.ipsets.empty()) {
    return {};
  }
  const std::string sets = path + "/ipset";
  const json::Array there = TRY(list_of(client_.get(sets, {}, stop), "list ipsets"));
  for (const auto& [name, addresses] : firewall.ipsets) {
    if (!names_one(there, "name", name)) {
      TRY(unless_there(client_.post(sets, {{"name", name}}, stop)));
    }
    const std::string set = sets + "/" + path_segment(name);
    const json::Array has = TRY(list_of(client_.get(set, {}, stop), "list ipset " + name));
    for (const std::string& address : addresses) {
      if (!names_one(has, "cidr", address)) {
        TRY(unless_there(client_.post(set, {{"cidr", address}}, stop)));
      }
    }
  }
  return {};
}

Result<> GuestFirewall::set_rules(const std::string& path, const FirewallSpec& firewall,
                                  const Stop& stop) {
  const std::string rules = path + "/rules";
  json::Array there = TRY(list_of(client_.get(rules, {}, stop), "list firewall rules"));
  const std::vector<FirewallRule>& wanted = firewall.rules;
  // A new rule comes before all others, so they are made from the last to the first; what was cut
  // off has the last ones.
  const bool is_begun = there.size() <= wanted.size() &&
                        std::equal(there.rbegin(), there.rend(), wanted.rbegin(), is_same);
  if (!is_begun) {
    for (; !there.empty(); there.pop_back()) {
      TRY(client_.del(rules + "/0", {}, stop));
    }
  }
  for (std::size_t next = wanted.size() - there.size(); next > 0; --next) {
    Form form = {{"enable", "1"}};  // without it a rule is made that is off
    for (auto& [key, text] : texts_of(wanted[next - 1])) {
      if (!text.empty()) {
        form.emplace_back(key, std::move(text));
      }
    }
    TRY(client_.post(rules, form, stop));
  }
  return {};
}

Result<> GuestFirewall::set(Vmid vmid, const FirewallSpec& firewall, const Stop& stop) {
  const std::string path =
      fmt::format("/nodes/{}/lxc/{}/firewall", path_segment(client_.node()), vmid.value);
  // What an answer that was lost has done shows the next time.
  constexpr int kMostTries = 3;
  for (int tries = 1;; ++tries) {
    Result<> done = set_once(path, firewall, stop);
    if (done || done.error().code != Code::timed_out || tries == kMostTries) {
      return std::move(done).context(fmt::format("set the firewall of guest {}", vmid.value));
    }
  }
}

Result<> GuestFirewall::set_once(const std::string& path, const FirewallSpec& firewall,
                                 const Stop& stop) {
  TRY(add_sets(path, firewall, stop));
  TRY(set_rules(path, firewall, stop));
  TRY(client_.put(
      path + "/options",
      {{"enable", "1"}, {"policy_in", firewall.policy_in}, {"policy_out", firewall.policy_out}},
      stop));
  return {};
}

}  // namespace drover::proxmox
