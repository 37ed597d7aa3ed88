#include "proxmox/ipam.h"

#include <algorithm>
#include <utility>

#include "agent/core/ip_address.h"
#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

std::string ips_path(const IpamAddress& address) {
  return "/cluster/sdn/vnets/" + path_segment(address.vnet) + "/ips";
}

Form fields_of(const IpamAddress& address) {
  return {{"zone", address.zone}, {"mac", address.mac}, {"ip", address.ip}};
}

}  // namespace

Result<std::optional<IpamVnet>> Ipam::vnet(const std::string& bridge, const Stop& stop) {
  const std::optional<SdnVnet> found = TRY(sdn_.applied_vnet(bridge, stop));
  if (!found) {
    return std::optional<IpamVnet>();
  }
  const std::vector<SdnZone> zones = TRY(sdn_.applied_zones(stop));
  const bool keeps = std::any_of(zones.begin(), zones.end(), [&](const SdnZone& zone) {
    return zone.name == found->zone && !zone.ipam.empty();
  });
  if (!keeps) {
    return std::optional<IpamVnet>();
  }
  IpamVnet vnet{bridge, found->zone, TRY(sdn_.applied_subnets(bridge, stop))};
  std::erase_if(vnet.subnets, [](const SdnSubnet& subnet) { return !is_cidr(subnet.cidr); });
  return vnet.subnets.empty() ? std::optional<IpamVnet>() : std::optional(std::move(vnet));
}

Result<std::optional<std::map<std::string, std::string>>> Ipam::taken(const std::string& zone,
                                                                      const Stop& stop) {
  using Taken = std::optional<std::map<std::string, std::string>>;
  const std::vector<SdnZone> zones = TRY(sdn_.applied_zones(stop));
  const bool tells = std::any_of(zones.begin(), zones.end(), [&](const SdnZone& one) {
    return one.name == zone && one.ipam == "pve" && one.dhcp;
  });
  if (!tells) {
    return Taken();
  }
  const json::Array all =
      TRY(list_of(client_.get("/cluster/sdn/ipams/pve/status", {}, stop), "list kept addresses"));
  Taken taken(std::in_place);
  for (const json::Value& entry : all) {
    if (entry.at("zone").string_or("") == zone) {
      taken->insert_or_assign(address_of(std::string(entry.at("ip").string_or(""))),
                              std::string(entry.at("mac").string_or("")));
    }
  }
  return taken;
}

Result<> Ipam::claim(const IpamAddress& address, const Stop& stop) {
  TRY(client_.post(ips_path(address), fields_of(address), stop));
  return {};
}

Result<> Ipam::release(const IpamAddress& address, const Stop& stop) {
  const Result<json::Value> released = client_.del(ips_path(address), fields_of(address), stop);
  return released || released.error().code == Code::not_found ? Result<>()
                                                              : Failure(released.error());
}

}  // namespace drover::proxmox
