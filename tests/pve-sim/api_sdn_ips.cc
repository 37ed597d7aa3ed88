// The methods about addresses of vnets, and about who keeps them.
#include <arpa/inet.h>
#include <fmt/format.h>

#include "agent/core/ip_address.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/sdn_change.h"

namespace drover::pve_sim {
namespace {

struct AddressPlace {
  std::string zone;
  std::string cidr;  ///< of the subnet
};

/// Of the vnet's applied subnets the one that the address is in.
Result<AddressPlace> place_of(const SdnState& state, const std::string& vnet,
                              const std::string& ip) {
  for (const auto& [id, subnet] : SdnState::of(state.running, "subnets")) {
    const std::string cidr = cidr_of_subnet(id);
    if (subnet.at("vnet").string_or("") == vnet &&
        subnet_of(ip + cidr.substr(cidr.find('/'))) == cidr) {
      return AddressPlace{id.substr(0, id.find('-')), cidr};
    }
  }
  return fail(Code::broken,
              "can't find any subnet for ip {} at /usr/share/perl5/PVE/Network/SDN/Subnets.pm "
              "line 133.",
              ip);
}

bool keeps_addresses(const SdnState& state, const std::string& zone) {
  const json::Value* row = SdnState::of(state.running, "zones").find(zone);
  return row != nullptr && row->find("ipam") != nullptr;
}

Result<json::Object*> known_addresses(SdnState& state, const AddressPlace& where) {
  json::Object* known = state.addresses(where.zone, where.cidr);
  if (known == nullptr) {
    return fail(Code::broken, "subnet '{}' doesn't exist in IPAM DB", where.cidr);
  }
  return known;
}

Result<> add_address(SdnState& state, const Parameters& given) {
  const std::string& ip = given.at("ip");
  const AddressPlace where = TRY(place_of(state, given.at("vnet"), ip));
  if (!keeps_addresses(state, where.zone)) {
    return {};
  }
  json::Object* const known = TRY(known_addresses(state, where));
  if (known->find(ip) != nullptr) {
    return fail(Code::broken, "IP '{}' already exist", ip);
  }
  known->set(ip, json::Object{{"mac", given.at("mac")}});
  return {};
}

Result<> delete_address(SdnState& state, const Parameters& given) {
  const std::string& ip = given.at("ip");
  const AddressPlace where = TRY(place_of(state, given.at("vnet"), ip));
  if (!keeps_addresses(state, where.zone)) {
    return {};
  }
  json::Object* const known = TRY(known_addresses(state, where));
  if (!known->erase(ip)) {
    return fail(Code::broken, "IP '{}' does not exist in IPAM DB", ip);
  }
  return {};
}

/// Of zones with a DHCP server only, as Proxmox shows them.
json::Array shown_addresses(const SdnState& state) {
  json::Array list;
  for (const auto& [zone, subnets] : state.ipam) {
    const json::Value* row = SdnState::of(state.running, "zones").find(zone);
    if (row == nullptr || row->at("ipam").string_or("") != "pve" || row->find("dhcp") == nullptr) {
      continue;
    }
    for (const auto& [id, subnet] : SdnState::of(state.running, "subnets")) {
      const std::string cidr = cidr_of_subnet(id);
      const json::Value* known = subnets.find(cidr);
      if (known == nullptr || id.substr(0, id.find('-')) != zone) {
        continue;
      }
      for (const auto& [ip, entry] : *known->object()) {
        json::Object shown = *entry.object();
        shown.set("zone", zone);
        shown.set("subnet", cidr);
        shown.set("ip", ip);
        shown.set("vnet", subnet.at("vnet"));
        list.emplace_back(std::move(shown));
      }
    }
  }
  return list;
}

}  // namespace

Answer Api::sdn_ips(const std::string& method, const std::vector<std::string>& parts,
                    const Form& form) {
  const std::string name = method + " /cluster/sdn/vnets/{vnet}/ips";
  if (parts.size() != 5 || parts[4] != "ips" || !contract_.knows(name)) {
    return not_implemented(method, parts);
  }
  const Parameters given = CHECKED(name, (Parameters{{"vnet", parts[3]}}));
  return change_ipam(place_, [&](SdnState& state) {
    return method == "POST" ? add_address(state, given) : delete_address(state, given);
  });
}

Answer Api::sdn_ipams(const std::string& method, const std::vector<std::string>& parts,
                      const Form& form) {
  const bool of_one = parts.size() == 5 && parts[4] == "status";
  const std::string name = method + " /cluster/sdn/ipams" + (of_one ? "/{ipam}/status" : "");
  if ((parts.size() != 3 && !of_one) || !contract_.knows(name)) {
    return not_implemented(method, parts);
  }
  const Parameters given = CHECKED(name, of_one ? (Parameters{{"ipam", parts[3]}}) : Parameters{});
  if (!of_one) {
    return with_data(json::Array{json::Object{{"ipam", "pve"}, {"type", "pve"}}});
  }
  if (given.at("ipam") != "pve") {
    return error(
        "Currently only PVE IPAM is supported! at "
        "/usr/share/perl5/PVE/API2/Network/SDN/Ipams.pm line 280.");
  }
  const Result<SdnState> state = load_sdn(place_);
  return state ? with_data(shown_addresses(*state)) : error(state.error().message);
}

}  // namespace drover::pve_sim
