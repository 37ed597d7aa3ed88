#include "runtimes/network/network.h"

namespace drover::runtimes {

json::Value to_json(const Attachment& attachment) {
  return json::Object{
      {"interface", attachment.interface}, {"host_interface", attachment.host_interface},
      {"bridge", attachment.bridge},       {"address", attachment.address},
      {"gateway", attachment.gateway},     {"mac", attachment.mac}};
}

Result<Attachment> attachment_from_json(const json::Value& value) {
  if (value.at("interface").string_or("").empty()) {
    return fail(Code::broken, "the record of an attachment names no interface: {}",
                json::write(value).substr(0, 300));
  }
  const auto text = [&](std::string_view key) { return std::string(value.at(key).string_or("")); };
  return Attachment{text("interface"), text("host_interface"), text("bridge"),
                    text("address"),   text("gateway"),        text("mac")};
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
