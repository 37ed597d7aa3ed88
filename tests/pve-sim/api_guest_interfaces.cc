// GET /nodes/NODE/lxc/VMID/interfaces.
#include <fmt/format.h>

#include "agent/system/child.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/guest_config.h"

namespace drover::pve_sim {
namespace {

/// Of an interface as ip(8) tells it.
json::Object interface_row(const json::Value& link) {
  const std::string_view mac = link.at("address").string_or("");
  json::Object row{{"name", link.at("ifname")}, {"hwaddr", mac}, {"hardware-address", mac}};
  json::Array addresses;
  if (const json::Array* all = link.at("addr_info").array()) {
    for (const json::Value& one : *all) {
      const std::string family(one.at("family").string_or(""));
      const std::string_view address = one.at("local").string_or("");
      const std::string prefix = std::to_string(one.at("prefixlen").integer_or(0));
      row.set(family, fmt::format("{}/{}", address, prefix));
      addresses.emplace_back(
          json::Object{{"ip-address", address}, {"ip-address-type", family}, {"prefix", prefix}});
    }
  }
  row.set("ip-addresses", std::move(addresses));
  return row;
}

}  // namespace

Answer Api::guest_interfaces(const std::string& vmid) const {
  const std::optional<int> process = guest_process(place_, vmid);
  if (!process) {
    return with_data(nullptr);
  }
  const Result<std::string> text = system::run_ok(
      {"nsenter", "--target", std::to_string(*process), "--net", "ip", "-json", "address"},
      system::Stop());
  const Result<json::Value> links =
      text ? json::parse(*text) : Result<json::Value>(Failure(text.error()));
  if (!links || links->array() == nullptr) {
    return error("Could not get interfaces of CT " + vmid);
  }
  json::Array list;
  for (const json::Value& link : *links->array()) {
    list.emplace_back(interface_row(link));
  }
  return with_data(std::move(list));
}

}  // namespace drover::pve_sim
