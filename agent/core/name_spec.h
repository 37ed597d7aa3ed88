// NameSpec: how names are found inside a container.
#pragma once

#include <string>
#include <vector>

#include "agent/core/fields.h"
#include "agent/core/json.h"

namespace drover {

/// resolv.conf(5). What is empty is as the node has it.
struct DnsSpec {
  std::vector<std::string> servers{};  ///< addresses, at most 3: the C library asks no more
  std::vector<std::string> search{};   ///< domains
  std::vector<std::string> options{};  ///< "ndots:2"
  bool operator==(const DnsSpec&) const = default;
};

/// A line of hosts(5).
struct HostEntry {
  std::string address{};
  std::vector<std::string> names{};
  bool operator==(const HostEntry&) const = default;
};

/// The member "dns".
DnsSpec read_dns(Fields& fields, Faults& faults);
/// The member "hosts".
std::vector<HostEntry> read_hosts(Fields& fields, Faults& faults);

/// The inverses; empty for what has its default.
json::Object to_json(const DnsSpec& dns);
json::Array to_json(const std::vector<HostEntry>& hosts);

}  // namespace drover
