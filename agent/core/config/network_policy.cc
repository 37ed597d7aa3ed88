#include "agent/core/config/network_policy.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/core/ip_address.h"

namespace drover {
namespace {

constexpr std::size_t kMostNetworkRules = 1000;
constexpr std::size_t kMostNamePattern = 64;
constexpr std::uint16_t kMostTag = 4094;
constexpr std::uint16_t kMostPort = 65535;

std::optional<std::uint16_t> number_from(std::string_view text, std::uint16_t most) {
  std::uint16_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && stop == text.data() + text.size();
  return is_whole && number >= 1 && number <= most ? std::optional(number) : std::nullopt;
}

/// "N" or "N-M".
std::optional<NumberRange> range_from(std::string_view text, std::uint16_t most) {
  const std::size_t dash = text.find('-');
  const std::optional<std::uint16_t> first = number_from(text.substr(0, dash), most);
  const std::optional<std::uint16_t> last =
      dash == std::string_view::npos ? first : number_from(text.substr(dash + 1), most);
  return first && last && *first <= *last ? std::optional(NumberRange{*first, *last})
                                          : std::nullopt;
}

/// A range, and after a slash "tcp" or "udp".
std::optional<AllowedPorts> ports_from(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view protocol = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  const std::optional<NumberRange> numbers = range_from(text.substr(0, slash), kMostPort);
  const bool is_known = slash == std::string_view::npos || protocol == "tcp" || protocol == "udp";
  return numbers && is_known ? std::optional(AllowedPorts{*numbers, std::string(protocol)})
                             : std::nullopt;
}

/// The texts of a member, of which there are not too many.
std::vector<std::string> texts_of(Fields& fields, std::string_view key,
                                  std::vector<std::string> otherwise) {
  std::vector<std::string> texts = fields.strings(key, std::move(otherwise));
  if (texts.size() > kMostNetworkRules) {
    fields.fault(key, fmt::format("must have at most {} elements", kMostNetworkRules));
  }
  return texts;
}

std::vector<std::string> read_names(Fields& fields, std::string_view key,
                                    std::vector<std::string> otherwise) {
  std::vector<std::string> patterns = texts_of(fields, key, std::move(otherwise));
  for (const std::string& pattern : patterns) {
    if (pattern.empty() || pattern.size() > kMostNamePattern) {
      fields.fault(key, fmt::format("must hold patterns of 1 to {} characters", kMostNamePattern));
    }
  }
  return patterns;
}

std::vector<std::string> read_subnets(Fields& fields, std::string_view key,
                                      std::vector<std::string> otherwise) {
  std::vector<std::string> subnets = texts_of(fields, key, std::move(otherwise));
  for (std::string& subnet : subnets) {
    if (!is_cidr(subnet)) {
      fields.fault(key, fmt::format("must hold subnets, as 10.9.0.0/16; \"{}\" is none",
                                    subnet.substr(0, 64)));
    } else {
      subnet = subnet_of(subnet);
    }
  }
  return subnets;
}

void read_tags(Fields& fields, NetworkPolicy& policy) {
  if (!fields.has("vlans")) {
    fields.any("vlans");
    return;
  }
  policy.vlans.clear();
  for (const std::string& text : texts_of(fields, "vlans", {})) {
    if (const std::optional<NumberRange> tags = range_from(text, kMostTag)) {
      policy.vlans.push_back(*tags);
    } else {
      fields.fault("vlans", fmt::format("must hold tags from 1 to {} and ranges of them, as "
                                        "\"100-199\"; \"{}\" is neither",
                                        kMostTag, text.substr(0, 64)));
    }
  }
}

void read_allowed_ports(Fields& fields, NetworkPolicy& policy) {
  if (!fields.has("ports")) {
    fields.any("ports");
    return;
  }
  policy.ports.clear();
  for (const std::string& text : texts_of(fields, "ports", {})) {
    if (std::optional<AllowedPorts> ports = ports_from(text)) {
      policy.ports.push_back(std::move(*ports));
    } else {
      fields.fault("ports", fmt::format("must hold ports from 1 to {} and ranges of them, as "
                                        "\"8000-8999/tcp\" or \"53\"; \"{}\" is neither",
                                        kMostPort, text.substr(0, 64)));
    }
  }
}

}  // namespace

std::string describe(const NumberRange& range) {
  return range.first == range.last ? fmt::format("{}", range.first)
                                   : fmt::format("{}-{}", range.first, range.last);
}

std::string describe(const AllowedPorts& ports) {
  return describe(ports.numbers) + (ports.protocol.empty() ? "" : "/" + ports.protocol);
}

std::vector<std::string> NetworkPolicy::private_subnets() {
  return {"10.0.0.0/8",   "172.16.0.0/12",   "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15",
          "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "fc00::/7",      "2001:db8::/32"};
}

NetworkPolicy read_network_policy(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  NetworkPolicy policy;
  policy.bridges = read_names(fields, "bridges", policy.bridges);
  read_tags(fields, policy);
  policy.parents = read_names(fields, "parents", policy.parents);
  policy.routed = read_subnets(fields, "routed", policy.routed);
  policy.subnets = read_subnets(fields, "subnets", policy.subnets);
  read_allowed_ports(fields, policy);
  policy.port_addresses = read_subnets(fields, "port_addresses", policy.port_addresses);
  policy.forwarding = fields.boolean("forwarding", policy.forwarding);
  fields.finish();
  return policy;
}

}  // namespace drover
