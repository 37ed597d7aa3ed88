#include "runtimes/guest/guest_spec.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "proxmox/guest_disks.h"
#include "runtimes/guest/guest_parts.h"
#include "runtimes/guest/guest_request.h"
#include "runtimes/guest/property_string.h"

namespace drover::runtimes {
namespace {

NetworkSpec network_of(std::string_view text) {
  std::map<std::string, std::string> net = properties(text);
  NetworkSpec network;
  network.interface = net["name"];
  network.bridge = net["bridge"];
  NetAddress own = net_address_of(net);
  network.address = std::move(own.address);
  network.gateway = std::move(own.gateway);
  network.vlan = static_cast<std::uint32_t>(json::Value(net["tag"]).integer_or(0));
  return network;
}

VolumeSpec volume_of(const std::string& name, std::string_view text) {
  constexpr unsigned kMib = 20;
  std::map<std::string, std::string> disk = properties(text);
  VolumeSpec volume;
  volume.name = name;
  volume.target = disk["mp"];
  volume.storage = disk["volume"].substr(0, disk["volume"].find(':'));
  volume.size_mib = proxmox::disk_bytes(text) >> kMib;
  volume.read_only = disk["ro"] == "1";
  return volume;
}

/// "net0", "net1"... as they were made: behind a gap is what an admin has added.
void for_each(const json::Value& config, std::string_view kind,
              const std::function<void(const std::string& key, std::string_view text)>& use) {
  for (int number = 0;; ++number) {
    const std::string key = fmt::format("{}{}", kind, number);
    const std::string_view text = config.at(key).string_or("");
    if (text.empty()) {
      return;
    }
    use(key, text);
  }
}

}  // namespace

ContainerSpec spec_of_guest(const json::Value& config) {
  ContainerSpec spec;
  spec.runtime = RuntimeKind::pve_lxc;
  spec.hostname = config.at("hostname").string_or("");
  spec.resources = limits_of(config);
  spec.networks.emplace();
  for_each(config, "net", [&](const std::string&, std::string_view text) {
    spec.networks->push_back(network_of(text));
  });
  for_each(config, "mp", [&](const std::string& key, std::string_view text) {
    spec.volumes.push_back(volume_of(key, text));
  });
  return spec;
}

}  // namespace drover::runtimes
