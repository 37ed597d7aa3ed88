#include "runtimes/guest/guest_parts.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "proxmox/guest_disks.h"
#include "runtimes/guest/property_string.h"

namespace drover::runtimes {

NetAddress net_address_of(std::map<std::string, std::string>& net) {
  for (const auto& [address, gateway] : {std::pair("ip", "gw"), std::pair("ip6", "gw6")}) {
    if (net[address].find('/') != std::string::npos) {
      return {net[address], net[gateway]};
    }
  }
  return {};
}

Provided parts_of_guest(Vmid vmid, const ContainerSpec& spec, const json::Value& config) {
  Provided parts{vmid, {}, {}};
  parts.sizes = disk_sizes_of(spec, config);
  for (std::size_t i = 0; i < (spec.networks ? spec.networks->size() : 0); ++i) {
    auto net = properties(config.at("net" + std::to_string(i)).string_or(""));
    if (net["name"].empty()) {
      continue;
    }
    NetAddress own = net_address_of(net);
    parts.interfaces.push_back({net["name"], fmt::format("veth{}i{}", vmid.value, i), net["bridge"],
                                std::move(own.address), std::move(own.gateway), net["hwaddr"]});
  }
  for (std::size_t i = 0; i < spec.volumes.size(); ++i) {
    auto disk = properties(config.at("mp" + std::to_string(i)).string_or(""));
    const std::string id = disk["volume"].empty() ? disk["file"] : disk["volume"];
    if (!id.empty()) {
      parts.volumes.push_back(
          {spec.volumes[i].name, id.substr(0, id.find(':')), id, "", VolumeKind::guest_disk});
    }
  }
  return parts;
}

std::optional<std::string> disk_key(const ContainerSpec& spec, const std::string& volume) {
  if (volume.empty()) {
    return "rootfs";
  }
  for (std::size_t i = 0; i < spec.volumes.size(); ++i) {
    if (spec.volumes[i].name == volume) {
      return "mp" + std::to_string(i);
    }
  }
  return std::nullopt;
}

DiskSizes disk_sizes_of(const ContainerSpec& spec, const json::Value& config) {
  constexpr unsigned kMib = 20;
  const auto size = [&config](const std::string& key) {
    return proxmox::disk_bytes(config.at(key).string_or("")) >> kMib;
  };
  DiskSizes sizes{size("rootfs"), {}};
  for (const VolumeSpec& volume : spec.volumes) {
    if (const std::uint64_t mib = size(*disk_key(spec, volume.name)); mib != 0) {
      sizes.volumes[volume.name] = mib;
    }
  }
  return sizes;
}

}  // namespace drover::runtimes
