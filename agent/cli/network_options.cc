#include "agent/cli/network_options.h"

#include <CLI/App.hpp>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace drover::cli {
namespace {

constexpr std::string_view kNetworkUsage =
    "INTERFACE=BRIDGE[,address=CIDR|dhcp][,gateway=IP][,vlan=TAG][,ingress=RATE][,egress=RATE]"
    "[,forwarding=open|same-bridge][,kind=macvlan|ptp|vlan]";

/// The text in front of the first `separator`, which is taken off `text` with it.
std::string_view cut_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && stop == text.data() + text.size()
             ? std::optional(number)
             : std::nullopt;
}

/// kbit/s of "500k", "10M" or "1G".
std::optional<std::uint64_t> rate_of(std::string_view text) {
  constexpr std::array<std::pair<char, std::uint64_t>, 3> kUnits = {
      {{'k', 1}, {'M', 1000}, {'G', 1000 * 1000}}};
  for (const auto& [unit, kbit] : kUnits) {
    if (text.ends_with(unit)) {
      const auto number = whole_number<std::uint32_t>(text.substr(0, text.size() - 1));
      return number && *number > 0 ? std::optional(*number * kbit) : std::nullopt;
    }
  }
  return std::nullopt;
}

bool set_kind(std::string_view name, NetworkSpec& network) {
  for (const NetworkKind kind :
       {NetworkKind::bridge, NetworkKind::macvlan, NetworkKind::ptp, NetworkKind::vlan}) {
    if (to_string(kind) == name) {
      network.kind = kind;
      return true;
    }
  }
  return false;
}

/// False for what is none of them.
bool set_property(std::string_view key, std::string_view value, NetworkSpec& network) {
  if (key == "kind") {
    return set_kind(value, network);
  }
  if (key == "vlan") {
    const auto tag = whole_number<std::uint32_t>(value);
    network.vlan = tag.value_or(0);
    return tag && *tag >= 1 && *tag <= 4094;
  }
  if (key == "ingress" || key == "egress") {
    const std::optional<std::uint64_t> rate = rate_of(value);
    Bandwidth& bandwidth = network.bandwidth;
    (key == "ingress" ? bandwidth.ingress_kbit_s : bandwidth.egress_kbit_s) = rate.value_or(0);
    return rate.has_value();
  }
  if (key == "address" && value == kAddressByDhcp) {
    network.dhcp = true;
    return true;
  }
  for (const auto& [name, member] :
       {std::pair("address", &NetworkSpec::address), std::pair("gateway", &NetworkSpec::gateway),
        std::pair("forwarding", &NetworkSpec::forwarding)}) {
    if (key == name) {
      network.*member = value;
      return !value.empty();
    }
  }
  return false;
}

}  // namespace

Result<NetworkSpec> read_network(std::string_view text) {
  const std::string_view whole = text;
  NetworkSpec network;
  std::string_view first = cut_part(text, ',');
  network.interface = cut_part(first, '=');
  network.bridge = first;
  while (!text.empty()) {
    std::string_view value = cut_part(text, ',');
    const std::string_view pair = value;
    const std::string_view key = cut_part(value, '=');
    if (!set_property(key, value, network)) {
      return fail(Code::invalid, "--network: in \"{}\": \"{}\" is nothing of {}", whole, pair,
                  kNetworkUsage);
    }
  }
  const bool needs_place = network.kind != NetworkKind::ptp;
  if (network.interface.empty() || network.bridge.empty() == needs_place) {
    return fail(Code::invalid, "--network: \"{}\" is neither \"none\" nor {} (ptp: without BRIDGE)",
                whole, kNetworkUsage);
  }
  return network;
}

Result<PublishedPort> read_published(std::string_view text) {
  const std::string_view whole = text;
  PublishedPort port;
  bool fits = true;
  if (const std::size_t slash = text.rfind('/'); slash != std::string_view::npos) {
    port.protocol = text.substr(slash + 1);
    text = text.substr(0, slash);
    fits = port.protocol == "tcp" || port.protocol == "udp";
  }
  const std::size_t last = text.rfind(':');
  const auto inside = whole_number<std::uint16_t>(
      last == std::string_view::npos ? std::string_view() : text.substr(last + 1));
  text = text.substr(0, last == std::string_view::npos ? 0 : last);
  if (text.starts_with('[')) {
    const std::size_t end = text.find("]:");
    fits = fits && end != std::string_view::npos;
    port.address = fits ? text.substr(1, end - 1) : "";
    text = fits ? text.substr(end + 2) : text;
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    port.address = text.substr(0, colon);
    text = text.substr(colon + 1);
  }
  const auto outside = whole_number<std::uint16_t>(text);
  if (!fits || inside.value_or(0) == 0 || outside.value_or(0) == 0) {
    return fail(Code::invalid, "--publish: \"{}\" is not [ADDRESS:]HOST:CONTAINER[/tcp|/udp]",
                whole);
  }
  port.host = *outside;
  port.container = *inside;
  return port;
}

namespace {

Result<> publish(const std::vector<std::string>& texts, ContainerSpec& spec) {
  if (texts.empty()) {
    return {};
  }
  if (!spec.networks) {
    spec.networks.emplace().emplace_back();  // on the node's default bridge
  }
  if (spec.networks->empty()) {
    return fail(Code::invalid, "--publish: a container without a network has no port to publish");
  }
  for (const std::string& text : texts) {
    spec.networks->front().ports.push_back(TRY(read_published(text)));
  }
  return {};
}

Result<HostEntry> read_host(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == text.size()) {
    return fail(Code::invalid, "--add-host: \"{}\" is not NAME:ADDRESS", text);
  }
  return HostEntry{text.substr(colon + 1), {text.substr(0, colon)}};
}

void replace_unless_empty(std::vector<std::string>& member,
                          const std::vector<std::string>& option) {
  if (!option.empty()) {
    member = option;
  }
}

}  // namespace

Result<> set_network(const NetworkOptions& options, ContainerSpec& spec) {
  if (!options.networks.empty()) {
    spec.networks.emplace();
  }
  for (const std::string& text : options.networks) {
    if (text == "none" && options.networks.size() == 1) {
      break;
    }
    spec.networks->push_back(TRY(read_network(text)));
  }
  TRY(publish(options.publish, spec));
  replace_unless_empty(spec.dns.servers, options.dns);
  replace_unless_empty(spec.dns.search, options.dns_search);
  replace_unless_empty(spec.dns.options, options.dns_options);
  for (const std::string& text : options.hosts) {
    HostEntry entry = TRY(read_host(text));
    spec.hosts.push_back(std::move(entry));
  }
  return {};
}

void add_network_options(CLI::App& command, NetworkOptions& options) {
  const auto many = [&](const char* name, std::vector<std::string>& values, const char* type,
                        const char* help) {
    command.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
  };
  many("--network", options.networks, "IF=BRIDGE",
       "An interface, with ,address=CIDR|dhcp ,gateway=IP ,vlan=TAG ,ingress=RATE ,egress=RATE (as "
       "10M, "
       "in bits a second) ,forwarding=open|same-bridge ,kind=macvlan|ptp|vlan behind it as needed; "
       "may be repeated; \"none\" for loopback only");
  many("-p,--publish", options.publish, "[ADDRESS:]HOST:CONTAINER[/PROTOCOL]",
       "A port of the node that is the container's, as 8080:80 or 127.0.0.1:53:53/udp; may be "
       "repeated");
  many("--dns", options.dns, "ADDRESS",
       "A name server, in place of the node's; may be repeated, as the next");
  many("--dns-search", options.dns_search, "DOMAIN", "Where short names are looked for");
  many("--dns-option", options.dns_options, "OPTION", "An option of resolv.conf, as ndots:2");
  many("--add-host", options.hosts, "NAME:ADDRESS", "A line of its hosts file; may be repeated");
}

}  // namespace drover::cli
