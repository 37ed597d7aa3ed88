#include "agent/core/name_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/ip_address.h"

namespace drover {
namespace {

constexpr std::size_t kMostServers = 3;  // MAXNS of resolv.conf(5)
constexpr std::size_t kMostWords = 32;
constexpr std::size_t kMostEntries = 256;
constexpr std::size_t kMostName = 253;

/// One word of a line: neither a blank nor a line break can add more to the file.
bool is_host_word(std::string_view text) {
  return !text.empty() && text.size() <= kMostName && text.front() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '-' || c == '_'; });
}

bool is_resolver_option(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || c == ':' || c == '-' || c == '_';
  });
}

template <class Fits>
void check_words(Fields& fields, std::string_view key, const std::vector<std::string>& texts,
                 std::size_t most, const Fits& fits, std::string_view what) {
  if (texts.size() > most) {
    fields.fault(key, fmt::format("must have at most {} elements", most));
  }
  for (const std::string& text : texts) {
    if (!fits(text)) {
      fields.fault(key, fmt::format("must be {}; \"{}\" is none", what, text));
    }
  }
}

json::Array words_of(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace

DnsSpec read_dns(Fields& fields, Faults& faults) {
  DnsSpec dns;
  fields.object("dns", [&](const json::Value& value, std::string at) {
    Fields members(value, std::move(at), faults);
    dns.servers = members.strings("servers");
    check_words(members, "servers", dns.servers, kMostServers, is_address, "IP addresses");
    dns.search = members.strings("search");
    check_words(members, "search", dns.search, kMostWords, is_host_word, "names of domains");
    dns.options = members.strings("options");
    check_words(members, "options", dns.options, kMostWords, is_resolver_option,
                "options of resolv.conf, as ndots:2");
    members.finish();
  });
  return dns;
}

std::vector<HostEntry> read_hosts(Fields& fields, Faults& faults) {
  std::vector<HostEntry> hosts;
  fields.each("hosts", kMostEntries, [&](const json::Value& element, std::string at) {
    Fields members(element, std::move(at), faults);
    HostEntry entry;
    members.require("address");
    entry.address = members.string("address");
    if (!entry.address.empty() && !is_address(entry.address)) {
      members.fault("address", "must be an IP address");
    }
    members.require("names");
    entry.names = members.strings("names");
    check_words(members, "names", entry.names, kMostWords, is_host_word, "names of hosts");
    members.finish();
    hosts.push_back(std::move(entry));
  });
  return hosts;
}

json::Object to_json(const DnsSpec& dns) {
  json::Object object;
  for (const auto& [key, texts] :
       {std::pair("servers", &dns.servers), std::pair("search", &dns.search),
        std::pair("options", &dns.options)}) {
    if (!texts->empty()) {
      object.set(key, words_of(*texts));
    }
  }
  return object;
}

json::Array to_json(const std::vector<HostEntry>& hosts) {
  json::Array array;
  for (const HostEntry& entry : hosts) {
    array.emplace_back(json::Object{{"address", entry.address}, {"names", words_of(entry.names)}});
  }
  return array;
}

}  // namespace drover
