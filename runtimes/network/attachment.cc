#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtimes/network/network.h"

namespace drover::runtimes {
namespace {

std::vector<std::string> words_at(const json::Value& value, std::string_view key) {
  std::vector<std::string> words;
  if (const json::Array* const array = value.at(key).array(); array != nullptr) {
    for (const json::Value& word : *array) {
      words.emplace_back(word.string_or(""));
    }
  }
  return words;
}

DnsSpec dns_at(const json::Value& value) {
  const json::Value& dns = value.at("dns");
  return {words_at(dns, "servers"), words_at(dns, "search"), words_at(dns, "options")};
}

}  // namespace

json::Value to_json(const Attachment& attachment) {
  json::Object object{
      {"interface", attachment.interface}, {"host_interface", attachment.host_interface},
      {"bridge", attachment.bridge},       {"address", attachment.address},
      {"gateway", attachment.gateway},     {"mac", attachment.mac}};
  if (json::Object dns = to_json(attachment.dns); !dns.empty()) {
    object.set("dns", std::move(dns));
  }
  return object;
}

Result<Attachment> attachment_from_json(const json::Value& value) {
  if (value.at("interface").string_or("").empty()) {
    return fail(Code::broken, "the record of an attachment names no interface: {}",
                json::write(value).substr(0, 300));
  }
  const auto text = [&](std::string_view key) { return std::string(value.at(key).string_or("")); };
  return Attachment{text("interface"), text("host_interface"), text("bridge"),
                    text("address"),   text("gateway"),        text("mac"),
                    dns_at(value)};
}

json::Value to_json(const Lease& lease) {
  return json::Object{{"address", lease.address}, {"gateway", lease.gateway}, {"mac", lease.mac}};
}

std::optional<Lease> lease_from_json(const json::Value& value) {
  if (value.is_null()) {
    return std::nullopt;
  }
  const auto text = [&](std::string_view key) { return std::string(value.at(key).string_or("")); };
  return Lease{text("address"), text("gateway"), text("mac")};
}

}  // namespace drover::runtimes
