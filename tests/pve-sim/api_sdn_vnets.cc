// The methods below /cluster/sdn/vnets but for addresses.
#include <fmt/format.h>

#include "agent/core/ip_address.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/sdn_change.h"

namespace drover::pve_sim {
namespace {

/// Of the subnet's vnet in what is written; none for a vnet without.
bool has_subnets(const SdnState& state, const std::string& vnet) {
  for (const auto& [id, subnet] : SdnState::of(state.config, "subnets")) {
    if (subnet.at("vnet").string_or("") == vnet) {
      return true;
    }
  }
  return false;
}

/// What the zone says of a vnet's tag.
Result<> check_tag(const SdnState& state, const std::string& vnet, const json::Object& row) {
  const std::string zone(row.find("zone")->string_or(""));
  const std::string type(state.find("zones", zone)->find("type")->string_or(""));
  const json::Value* tag = row.find("tag");
  if (type == "simple") {
    return tag == nullptr ? Result<>()
                          : bad_sdn_parameter("tag", "vlan tag is not allowed on simple zone");
  }
  if (tag == nullptr) {
    return bad_sdn_parameter("tag", "missing vlan tag");
  }
  for (const auto& [other, of_other] : SdnState::of(state.config, "vnets")) {
    if (other != vnet && of_other.at("zone").string_or("") == zone && of_other.at("tag") == *tag) {
      return bad_sdn_parameter(
          "tag", fmt::format("tag {} already exist in vnet {}", tag->integer_or(0), other));
    }
  }
  return {};
}

Result<json::Value> create_vnet(SdnState& state, const Parameters& given) {
  const std::string& vnet = given.at("vnet");
  if (state.find("vnets", vnet) != nullptr) {
    return fail(Code::broken, "sdn vnet object ID '{}' already defined", vnet);
  }
  if (state.find("zones", given.at("zone")) == nullptr) {
    return fail(Code::broken, "Can't use an undefined value as a HASH reference");
  }
  json::Object row = sdn_section(given, {"vnet"});
  row.set("type", "vnet");
  TRY(check_tag(state, vnet, row));
  SdnState::of(state.config, "vnets").set(vnet, std::move(row));
  return json::Value();
}

Result<json::Value> change_vnet(SdnState& state, const Parameters& given) {
  const std::string& vnet = given.at("vnet");
  json::Value* row = SdnState::of(state.config, "vnets").find(vnet);
  if (row == nullptr) {
    return fail(Code::broken, "sdn vnet '{}' does not exist", vnet);
  }
  for (const auto& [key, value] : sdn_section(given, {"vnet", "digest", "delete"})) {
    row->object()->set(key, value);
  }
  return json::Value();
}

Result<json::Value> delete_vnet(SdnState& state, const std::string& vnet) {
  if (state.find("vnets", vnet) == nullptr) {
    return fail(Code::broken, "sdn vnet '{}' does not exist", vnet);
  }
  if (has_subnets(state, vnet)) {
    return bad_sdn_parameter("vnet", "Can't delete vnet if subnets exists");
  }
  SdnState::of(state.config, "vnets").erase(vnet);
  return json::Value();
}

/// Of the zone of a vnet that is written; "" for none.
std::string zone_of(const SdnState& state, const std::string& vnet) {
  const json::Object* row = state.find("vnets", vnet);
  return row == nullptr ? "" : std::string(row->find("zone")->string_or(""));
}

bool has_ipam(const SdnState& state, const std::string& zone) {
  const json::Object* row = state.find("zones", zone);
  return row != nullptr && row->find("ipam") != nullptr;
}

Result<json::Value> create_subnet(SdnState& state, const Parameters& given) {
  const std::string zone = zone_of(state, given.at("vnet"));
  const std::string& cidr = given.at("subnet");
  if (subnet_of(cidr) != cidr) {
    return bad_sdn_parameter("subnet", "value does not look like a valid CIDR network");
  }
  std::string id = zone + "-" + cidr;
  id[id.find('/')] = '-';
  if (state.find("subnets", id) != nullptr) {
    return fail(Code::broken, "sdn subnet object ID '{}' already defined", id);
  }
  json::Object row = sdn_section(given, {"subnet"});
  const std::string gateway = given.contains("gateway") ? given.at("gateway") : "";
  if (!gateway.empty() && subnet_of(gateway + cidr.substr(cidr.find('/'))) != cidr) {
    return bad_sdn_parameter("gateway", fmt::format("{} is not in subnet {}", gateway, cidr));
  }
  if (has_ipam(state, zone)) {
    if (state.ipam.find(zone) == nullptr) {
      state.ipam.set(zone, json::Object{});
    }
    if (state.addresses(zone, cidr) == nullptr) {
      state.ipam.find(zone)->object()->set(cidr, json::Object{});
    }
    if (!gateway.empty()) {
      state.addresses(zone, cidr)->set(gateway, json::Object{{"gateway", 1}});
    }
  }
  SdnState::of(state.config, "subnets").set(id, std::move(row));
  return json::Value();
}

Result<json::Value> delete_subnet(SdnState& state, const std::string& vnet, const std::string& id) {
  const std::string zone = zone_of(state, vnet);
  const std::string cidr = cidr_of_subnet(id);
  if (has_ipam(state, zone)) {
    const json::Object* known = state.addresses(zone, cidr);
    if (known == nullptr) {
      return fail(Code::broken, "subnet '{}' doesn't exist in IPAM DB", cidr);
    }
    const bool gateway_alone =
        known->size() == 1 && known->begin()->second.at("gateway").integer_or(0) == 1;
    if (!known->empty() && !gateway_alone) {
      return fail(Code::broken, "cannot delete subnet '{}', not empty", cidr);
    }
    state.ipam.find(zone)->object()->erase(cidr);
  }
  SdnState::of(state.config, "subnets").erase(id);
  return json::Value();
}

/// As the API adds to a subnet what stands in its name.
json::Object shown_subnet(const std::string& id, const json::Value& row) {
  json::Object shown = *row.object();
  const std::string cidr = cidr_of_subnet(id);
  for (const auto& [key, value] : {std::pair<const char*, std::string>{"subnet", id},
                                   {"id", id},
                                   {"cidr", cidr},
                                   {"zone", id.substr(0, id.find('-'))},
                                   {"network", cidr.substr(0, cidr.find('/'))},
                                   {"mask", cidr.substr(cidr.find('/') + 1)},
                                   {"digest", std::string(40, '0')}}) {
    shown.set(key, value);
  }
  shown.set("dhcp-range", json::Array{});
  return shown;
}

}  // namespace

Answer Api::sdn_vnets(const std::string& method, const std::vector<std::string>& parts,
                      const Form& form) {
  if (parts.size() > 4) {
    return parts[4] == "subnets" ? sdn_subnets(method, parts, form) : sdn_ips(method, parts, form);
  }
  const std::string name =
      method + (parts.size() == 3 ? " /cluster/sdn/vnets" : " /cluster/sdn/vnets/{vnet}");
  if (!contract_.knows(name)) {
    return not_implemented(method, parts);
  }
  const Parameters given =
      CHECKED(name, parts.size() == 3 ? Parameters{} : (Parameters{{"vnet", parts[3]}}));
  if (method == "GET") {
    const Result<SdnState> state = load_sdn(place_);
    return state ? sdn_listed(*state, "vnets", "vnet", given, parts.size() == 3 ? "" : parts[3])
                 : error(state.error().message);
  }
  const std::string what = method == "POST"  ? "create sdn vnet object failed"
                           : method == "PUT" ? "update sdn vnet object failed"
                                             : "delete sdn vnet object failed";
  return change_sdn(place_, given, what, [&](SdnState& state) {
    return method == "POST"  ? create_vnet(state, given)
           : method == "PUT" ? change_vnet(state, given)
                             : delete_vnet(state, parts[3]);
  });
}

Answer Api::sdn_subnets(const std::string& method, const std::vector<std::string>& parts,
                        const Form& form) {
  const std::string name =
      method + " /cluster/sdn/vnets/{vnet}/subnets" + (parts.size() == 6 ? "/{subnet}" : "");
  if (parts.size() > 6 || !contract_.knows(name)) {
    return not_implemented(method, parts);
  }
  Parameters own{{"vnet", parts[3]}};
  if (parts.size() == 6) {
    own.emplace("subnet", parts[5]);
  }
  const Parameters given = CHECKED(name, own);
  const Result<SdnState> state = load_sdn(place_);
  if (!state) {
    return error(state.error().message);
  }
  if (state->find("vnets", parts[3]) == nullptr) {
    return error(fmt::format("sdn vnet '{}' does not exist", parts[3]));
  }
  if (method == "GET") {
    const Answer all = sdn_listed(*state, "subnets", "subnet", given, "");
    json::Array list;
    for (const json::Value& row : *all.body.at("data").array()) {
      if (row.at("vnet").string_or("") == parts[3]) {
        list.emplace_back(shown_subnet(std::string(row.at("subnet").string_or("")), row));
      }
    }
    return with_data(std::move(list));
  }
  return change_sdn(
      place_, given,
      method == "POST" ? "create sdn subnet object failed" : "delete sdn subnet object failed",
      [&](SdnState& now) {
        return method == "POST" ? create_subnet(now, given)
                                : delete_subnet(now, parts[3], parts[5]);
      });
}

}  // namespace drover::pve_sim
