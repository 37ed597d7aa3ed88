#include "proxmox/vnet_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/core/ip_address.h"
#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

SdnVnet section_for(const VnetRequest& vnet) {
  return {vnet.name, vnet.zone, vnet.tag, vnet.vlan_aware, vnet_alias(vnet.name)};
}

std::vector<SdnSubnet> subnets_for(const VnetRequest& vnet) {
  const std::optional<SdnSubnet> subnet = subnet_for(vnet);
  return subnet ? std::vector{*subnet} : std::vector<SdnSubnet>();
}

/// As whoever asked for it would say it; a subnet without a gateway is told as it is.
VnetRequest request_from(const SdnVnet& vnet, const std::vector<SdnSubnet>& subnets) {
  VnetRequest request{
      .name = vnet.name, .zone = vnet.zone, .tag = vnet.tag, .vlan_aware = vnet.vlan_aware};
  if (!subnets.empty() && is_cidr(subnets.front().cidr)) {
    const SdnSubnet& subnet = subnets.front();
    request.address = subnet.gateway.empty()
                          ? subnet.cidr
                          : subnet.gateway + subnet.cidr.substr(subnet.cidr.rfind('/'));
    request.snat = subnet.snat;
  }
  return request;
}

}  // namespace

std::string vnet_alias(const std::string& name) {
  return "drover:vnet:" + name;
}

std::optional<SdnSubnet> subnet_for(const VnetRequest& vnet) {
  if (vnet.address.empty()) {
    return std::nullopt;
  }
  const std::string cidr = subnet_of(vnet.address);
  std::string id = vnet.zone + "-" + cidr;
  id[id.rfind('/')] = '-';
  return SdnSubnet{std::move(id), cidr, address_of(vnet.address), vnet.snat};
}

const SdnZone* VnetState::zone(const std::string& name) const {
  const auto found = std::find_if(zones.begin(), zones.end(),
                                  [&](const SdnZone& one) { return one.name == name; });
  return found == zones.end() ? nullptr : &*found;
}

bool VnetState::is_ours() const {
  const std::optional<SdnVnet>& one = written ? written : applied;
  return one && one->alias == vnet_alias(one->name);
}

std::optional<VnetRequest> VnetState::request() const {
  if (written) {
    return request_from(*written, subnets);
  }
  return applied ? std::optional(request_from(*applied, applied_subnets)) : std::nullopt;
}

bool VnetState::is(const VnetRequest& vnet) const {
  const bool is_half = pending && subnets.empty();
  return written && *written == section_for(vnet) && (is_half || subnets == subnets_for(vnet));
}

std::string VnetState::str() const {
  if (!written) {
    return "deleted";
  }
  std::string text = "zone " + one_line(written->zone);
  if (written->tag != 0) {
    text += fmt::format(", tag {}", written->tag);
  }
  for (const SdnSubnet& subnet : subnets) {
    text += fmt::format(", subnet {} with gateway \"{}\"{}", one_line(subnet.cidr),
                        one_line(subnet.gateway), subnet.snat ? " and SNAT" : "");
  }
  return text + (written->vlan_aware ? ", VLANs" : "");
}

Result<VnetState> read_vnet_state(Sdn& sdn, const std::string& name, const Stop& stop,
                                  Others others) {
  VnetState state;
  if (others == Others::read) {
    state.foreign = TRY(sdn.other_changes(stop));
  }
  const std::vector<SdnSection> zones = TRY(sdn.zones(stop));
  for (const SdnSection& zone : zones) {
    if (zone.applied) {
      state.zones.push_back(zone_from(zone.id, *zone.applied));
    }
    if (zone.pending) {
      state.foreign.push_back("zone " + one_line(zone.id));
    }
  }
  const std::vector<SdnSection> vnets = TRY(sdn.vnets(stop));
  for (const SdnSection& vnet : vnets) {
    const bool is_it = vnet.id == name;
    if (!is_it && others == Others::left_out) {
      continue;
    }
    if (is_it && vnet.applied) {
      state.applied = vnet_from(name, *vnet.applied);
    }
    if (is_it && vnet.written) {
      state.written = vnet_from(name, *vnet.written);
    }
    bool pending = vnet.pending;
    const SdnZone* const zone =
        vnet.written ? state.zone(vnet_from(vnet.id, *vnet.written).zone) : nullptr;
    if (vnet.written) {  // the API lists no subnets of one that was deleted
      Result<std::vector<SdnSection>> subnets = sdn.subnets(vnet.id, stop);
      if (!subnets && subnets.error().code != Code::not_found) {
        return Failure(subnets.error());
      }
      for (const SdnSection& subnet : subnets.value_or(std::vector<SdnSection>())) {
        pending = pending || subnet.pending;
        if (!is_it && zone != nullptr && zone->routes()) {
          state.others.push_back(subnet_from(subnet.id, {}).cidr);
        }
        if (is_it && subnet.applied) {
          state.applied_subnets.push_back(subnet_from(subnet.id, *subnet.applied));
        }
        if (is_it && subnet.written) {
          state.subnets.push_back(subnet_from(subnet.id, *subnet.written));
        }
      }
    }
    if (pending && is_it) {
      state.pending = true;
    } else if (pending) {
      state.foreign.push_back("vnet " + one_line(vnet.id));
    }
  }
  return state;
}

}  // namespace drover::proxmox
