#include "proxmox/guest_firewall.h"

#include <algorithm>
#include <set>
#include <utility>

#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

/// What a job can say of a rule, as the API tells it.
FirewallRule rule_of(const json::Value& value) {
  const auto text = [&value](const char* key) { return std::string(value.at(key).string_or("")); };
  return {text("type"), text("action"), text("macro"), text("proto"), text("source"),
          text("dest"), text("sport"),  text("dport"), text("iface"), text("comment")};
}

/// Not one that is off, nor one that says more than a job can.
bool is_same(const json::Value& there, const FirewallRule& wanted) {
  const bool says_more = there.find("icmp-type") != nullptr || there.find("log") != nullptr ||
                         there.find("errors") != nullptr;
  return !says_more && there.at("enable").integer_or(0) == 1 && rule_of(there) == wanted;
}

/// One that is there already, as after a lost answer, is success.
Result<> unless_there(const Result<json::Value>& answer) {
  return answer || answer.error().code == Code::conflict ? Result<>() : Failure(answer.error());
}

/// The last of those wanted are there, and nothing else: a new rule comes before all others, so
/// they are made from the last to the first.
bool is_end_of(const json::Array& there, const std::vector<FirewallRule>& wanted) {
  return there.size() <= wanted.size() &&
         std::equal(there.rbegin(), there.rend(), wanted.rbegin(), is_same);
}

}  // namespace

Result<> GuestFirewall::require_on(const Stop& stop) {
  const Result<json::Value> options = client_.get("/cluster/firewall/options", {}, stop);
  if (!options) {
    return Failure(Error(options.error()).context("ask whether the cluster's firewall is on"));
  }
  if (options->at("enable").integer_or(0) != 1) {
    return fail(Code::refused,
                "the cluster's firewall is off, so no rule of a guest would be heeded: turn it on "
                "(Datacenter, Firewall, Options)");
  }
  return {};
}

Result<> GuestFirewall::fill_set(const std::string& set, const std::vector<std::string>& addresses,
                                 const Stop& stop) {
  const json::Array has = TRY(list_of(client_.get(set, {}, stop), "list an ipset"));
  std::set<std::string> kept;
  for (const json::Value& member : has) {
    const std::string cidr(member.at("cidr").string_or(""));
    const bool wanted = member.at("nomatch").integer_or(0) == 0 &&
                        std::find(addresses.begin(), addresses.end(), cidr) != addresses.end();
    if (wanted) {
      kept.insert(cidr);
    } else {
      TRY(client_.del(set + "/" + path_segment(cidr), {}, stop));
    }
  }
  for (const std::string& address : addresses) {
    if (!kept.contains(address)) {
      TRY(unless_there(client_.post(set, {{"cidr", address}}, stop)));
    }
  }
  return {};
}

Result<> GuestFirewall::fill_sets(const std::string& sets, const FirewallSpec& firewall,
                                  const Stop& stop) {
  const std::set<std::string> there = TRY(names_of_sets(sets, stop));
  for (const auto& [name, addresses] : firewall.ipsets) {
    if (!there.contains(name)) {
      TRY(unless_there(client_.post(sets, {{"name", name}}, stop)));
    }
    TRY(fill_set(sets + "/" + path_segment(name), addresses, stop));
  }
  return {};
}

Result<std::set<std::string>> GuestFirewall::names_of_sets(const std::string& sets,
                                                           const Stop& stop) {
  const json::Array list = TRY(list_of(client_.get(sets, {}, stop), "list ipsets"));
  std::set<std::string> names;
  for (const json::Value& set : list) {
    names.emplace(set.at("name").string_or(""));
  }
  return names;
}

Result<> GuestFirewall::set_rules(const std::string& rules, const FirewallSpec& firewall,
                                  const Stop& stop) {
  json::Array there = TRY(list_of(client_.get(rules, {}, stop), "list firewall rules"));
  while (!is_end_of(there, firewall.rules)) {
    // By its place, which an admin may change meanwhile: the digest tells.
    const std::string last = std::to_string(there.size() - 1);
    TRY(client_.del(rules + "/" + last,
                    {{"digest", std::string(there.back().at("digest").string_or(""))}}, stop));
    there = TRY(list_of(client_.get(rules, {}, stop), "list firewall rules"));
  }
  for (std::size_t next = firewall.rules.size() - there.size(); next > 0; --next) {
    Form form = {{"enable", "1"}};  // without it a rule is made that is off
    for (auto& [key, text] : texts_of(firewall.rules[next - 1])) {
      if (!text.empty()) {
        form.emplace_back(key, std::move(text));
      }
    }
    TRY(client_.post(rules, form, stop));
  }
  // What was sent earlier, and was given up for lost, may have been done only now.
  const json::Array now = TRY(list_of(client_.get(rules, {}, stop), "list firewall rules"));
  return now.size() == firewall.rules.size() && is_end_of(now, firewall.rules)
             ? Result<>()
             : fail(Code::conflict, "its rules are being changed by somebody else");
}

Result<> GuestFirewall::set_options(const std::string& options, const FirewallSpec& firewall,
                                    const Stop& stop) {
  const json::Value there = TRY(client_.get(options, {}, stop));
  Form form = {
      {"enable", "1"}, {"policy_in", firewall.policy_in}, {"policy_out", firewall.policy_out}};
  std::string others;
  if (const json::Object* object = there.object()) {
    for (const auto& [key, value] : *object) {
      const bool is_ours = key == "digest" || std::any_of(form.begin(), form.end(),
                                                          [&name = key](const auto& parameter) {
                                                            return parameter.first == name;
                                                          });
      if (!is_ours) {
        others += (others.empty() ? "" : ",") + key;
      }
    }
  }
  if (!others.empty()) {
    form.emplace_back("delete", others);
  }
  TRY(client_.put(options, form, stop));
  return {};
}

Result<> GuestFirewall::set(Vmid vmid, const FirewallSpec& firewall, const Stop& stop) {
  const std::string path =
      fmt::format("/nodes/{}/lxc/{}/firewall", path_segment(client_.node()), vmid.value);
  // What an answer that was lost has done shows the next time, and so does what an admin did.
  constexpr int kMostTries = 3;
  for (int tries = 1;; ++tries) {
    Result<> done = set_once(path, firewall, stop);
    const bool again =
        !done && (done.error().code == Code::timed_out || done.error().code == Code::conflict);
    if (!again || tries == kMostTries) {
      return std::move(done).context(fmt::format("set the firewall of guest {}", vmid.value));
    }
  }
}

Result<> GuestFirewall::set_once(const std::string& path, const FirewallSpec& firewall,
                                 const Stop& stop) {
  const std::string sets = path + "/ipset";
  TRY(fill_sets(sets, firewall, stop));
  TRY(set_rules(path + "/rules", firewall, stop));
  // No rule names them any more.
  const std::set<std::string> there = TRY(names_of_sets(sets, stop));
  for (const std::string& name : there) {
    if (!firewall.ipsets.contains(name)) {
      TRY(client_.del(sets + "/" + path_segment(name), {{"force", "1"}}, stop));
    }
  }
  return set_options(path + "/options", firewall, stop);
}

}  // namespace drover::proxmox
