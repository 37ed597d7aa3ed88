#include "agent/core/firewall_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/ip_address.h"

namespace drover {
namespace {

constexpr std::size_t kMostRules = 100;
constexpr std::size_t kMostSets = 20;
constexpr std::size_t kMostInSet = 256;
constexpr std::size_t kMostAddresses = 512;
constexpr std::size_t kMostComment = 256;
constexpr std::size_t kMostWord = 64;

/// Of letters, digits and `others`.
std::string read_text(Fields& fields, std::string_view key, std::string_view others,
                      std::size_t most) {
  std::string text = fields.string(key);
  const bool fits = text.size() <= most && std::all_of(text.begin(), text.end(), [&](char c) {
                      return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
                    });
  if (!fits) {
    fields.fault(key,
                 fmt::format("must be at most {} letters, digits and any of \"{}\"", most, others));
  }
  return text;
}

std::string read_comment(Fields& fields) {
  std::string text = fields.string("comment");
  const bool fits =
      text.size() <= kMostComment && std::none_of(text.begin(), text.end(), is_control);
  if (!fits) {
    fields.fault("comment", fmt::format("must be one line of at most {} bytes", kMostComment));
  }
  return text;
}

/// Proxmox takes capitals and writes them small, and then does not find the set again.
bool is_name_of_set(std::string_view name) {
  return name.size() >= 2 && name.size() <= kMostWord && is_lower(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '-' || c == '_'; });
}

/// Proxmox refuses "0.0.0.0/0" in a set.
bool is_member_of_set(const std::string& text) {
  return is_address(text) || (is_cidr(text) && !text.ends_with("/0"));
}

/// "net0": by its number among the container's networks.
bool is_interface(std::string_view name) {
  return name.size() >= 4 && name.size() <= 5 && name.starts_with("net") &&
         std::all_of(name.begin() + 3, name.end(), is_digit);
}

/// Addresses, and "+SET".
std::string read_addresses(Fields& fields, std::string_view key) {
  std::string text = read_text(fields, key, ".:/,+-_", kMostAddresses);
  const bool capitals = std::any_of(text.begin(), text.end(), is_upper);
  if (capitals && text.find('+') != std::string::npos) {
    fields.fault(key, "names sets by small letters only");
  }
  return text;
}

FirewallRule read_rule(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  FirewallRule rule;
  fields.require("type");
  rule.type = fields.one_of("type", "in", {"in", "out"});
  fields.require("action");
  rule.action = fields.one_of("action", "DROP", {"ACCEPT", "DROP", "REJECT"});
  rule.macro = read_text(fields, "macro", "", kMostWord);
  rule.proto = read_text(fields, "proto", "-", kMostWord);
  rule.source = read_addresses(fields, "source");
  rule.dest = read_addresses(fields, "dest");
  rule.sport = read_text(fields, "sport", ":,-", kMostAddresses);
  rule.dport = read_text(fields, "dport", ":,-", kMostAddresses);
  rule.iface = fields.string("iface");
  if (!rule.iface.empty() && !is_interface(rule.iface)) {
    fields.fault("iface", "must be net0 to net99, by the number among \"networks\"");
  }
  rule.comment = read_comment(fields);
  for (const auto& [key, text] : {std::pair("sport", rule.sport), std::pair("dport", rule.dport)}) {
    if (!text.empty() && rule.proto.empty()) {
      fields.fault(key, "goes only with \"proto\", such as tcp or udp");
    }
  }
  if (!rule.macro.empty() && !(rule.proto.empty() && rule.sport.empty() && rule.dport.empty())) {
    fields.fault("macro", "says protocol and ports itself; leave them out beside it");
  }
  fields.finish();
  return rule;
}

void read_sets(Fields& fields, FirewallSpec& firewall, Faults& faults) {
  const json::Value* value = fields.any("ipsets");
  if (value == nullptr) {
    return;
  }
  const json::Object* sets = value->object();
  if (sets == nullptr || sets->size() > kMostSets) {
    fields.fault("ipsets", fmt::format("must be an object of at most {} lists", kMostSets));
    return;
  }
  Fields named(*value, json::pointer_join(fields.pointer(), "ipsets"), faults);
  for (const auto& [name, list] : *sets) {
    std::vector<std::string>& addresses = firewall.ipsets[name];
    addresses = named.strings(name);
    const bool fit = addresses.size() <= kMostInSet &&
                     std::all_of(addresses.begin(), addresses.end(),
                                 [](const std::string& text) { return is_member_of_set(text); });
    if (!is_name_of_set(name) || !fit) {
      named.fault(name,
                  fmt::format("must be called by 2 to {} small letters, digits, '-' and '_', a "
                              "letter first, and "
                              "have at most {} addresses or CIDRs",
                              kMostWord, kMostInSet));
    }
  }
  named.finish();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> texts_of(const FirewallRule& rule) {
  return {{"type", rule.type},      {"action", rule.action}, {"macro", rule.macro},
          {"proto", rule.proto},    {"source", rule.source}, {"dest", rule.dest},
          {"sport", rule.sport},    {"dport", rule.dport},   {"iface", rule.iface},
          {"comment", rule.comment}};
}

FirewallSpec read_firewall(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  FirewallSpec firewall;
  firewall.policy_in = fields.one_of("policy_in", firewall.policy_in, {"ACCEPT", "DROP", "REJECT"});
  firewall.policy_out =
      fields.one_of("policy_out", firewall.policy_out, {"ACCEPT", "DROP", "REJECT"});
  fields.each("rules", kMostRules, [&](const json::Value& element, std::string at) {
    firewall.rules.push_back(read_rule(element, std::move(at), faults));
  });
  read_sets(fields, firewall, faults);
  fields.finish();
  return firewall;
}

json::Value to_json(const FirewallSpec& firewall) {
  const FirewallSpec usual;
  json::Object object;
  if (firewall.policy_in != usual.policy_in) {
    object.set("policy_in", firewall.policy_in);
  }
  if (firewall.policy_out != usual.policy_out) {
    object.set("policy_out", firewall.policy_out);
  }
  json::Array rules;
  for (const FirewallRule& rule : firewall.rules) {
    json::Object described;
    for (auto& [key, text] : texts_of(rule)) {
      if (!text.empty()) {
        described.set(key, std::move(text));
      }
    }
    rules.emplace_back(std::move(described));
  }
  if (!rules.empty()) {
    object.set("rules", std::move(rules));
  }
  json::Object sets;
  for (const auto& [name, addresses] : firewall.ipsets) {
    sets.set(name, json::Array(addresses.begin(), addresses.end()));
  }
  if (!sets.empty()) {
    object.set("ipsets", std::move(sets));
  }
  return object;
}

}  // namespace drover
