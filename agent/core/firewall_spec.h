// FirewallSpec: what a container's network lets through, in the words of Proxmox's firewall.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/core/fields.h"
#include "agent/core/json.h"

namespace drover {

struct FirewallRule {
  std::string type;    ///< "in" or "out", as the container sees it
  std::string action;  ///< "ACCEPT", "DROP" or "REJECT"
  std::string macro;   ///< "SSH", "HTTP"...: protocol and ports that Proxmox knows; "" for none
  std::string proto;   ///< "tcp", "udp", "icmp"...; "" for any
  std::string source;  ///< addresses, CIDRs, ranges, or "+SET"; "" for any
  std::string dest;    ///< the same
  std::string sport;   ///< "80", "80:90", "80,443"; "" for any
  std::string dport;   ///< the same
  std::string iface;   ///< "net0"...; "" for all
  std::string comment;
  bool operator==(const FirewallRule&) const = default;
};

struct FirewallSpec {
  std::string policy_in = "DROP";                          ///< for what no rule is about
  std::string policy_out = "ACCEPT";                       ///< the same
  std::vector<FirewallRule> rules;                         ///< the first that fits decides
  std::map<std::string, std::vector<std::string>> ipsets;  ///< addresses and CIDRs by name
  bool operator==(const FirewallSpec&) const = default;
};

/// Adds every fault to `faults` with its pointer below `pointer`.
FirewallSpec read_firewall(const json::Value& value, std::string pointer, Faults& faults);
/// The inverse; what has its default is left out.
json::Value to_json(const FirewallSpec& firewall);

/// Each text of a rule by its name in jobs and in Proxmox's API, those that are "" included.
std::vector<std::pair<std::string, std::string>> texts_of(const FirewallRule& rule);

}  // namespace drover
