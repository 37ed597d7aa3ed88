#include "tests/pve-sim/guest_permissions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/guest_volumes.h"
#include "tests/pve-sim/volume_permissions.h"

namespace drover::pve_sim {
namespace {

constexpr std::array kAboutCall{"vmid",   "node",    "ostemplate", "storage",  "start",
                                "force",  "digest",  "delete",     "password", "bwlimit",
                                "revert", "restore", "unique"};

std::string only_for_root(std::string_view what) {
  return permission_failed(fmt::format("{} is only allowed for root@pam", what));
}

std::string root_only(const std::string& key, const std::string& value) {
  if (key.starts_with("mp") && value.starts_with('/')) {
    return only_for_root("mount point type bind");
  }
  if (key.starts_with("dev")) {
    return only_for_root("configuring device passthrough");
  }
  if (key == "hookscript") {
    return only_for_root("changing 'hookscript'");
  }
  if (key == "features" && value != "nesting=1" && value != "nesting=0") {
    return only_for_root("changing feature flags (except nesting)");
  }
  return "";
}

bool is_network(const std::string& key) {
  return key.starts_with("net") && key.find_first_of("0123456789") == 3;
}

const char* privilege_for(const std::string& key) {
  if (key == "cores" || key == "cpuunits" || key == "cpulimit") {
    return "VM.Config.CPU";
  }
  if (is_disk(key)) {
    return "VM.Config.Disk";
  }
  if (key == "memory" || key == "swap") {
    return "VM.Config.Memory";
  }
  if (is_network(key) || key == "nameserver" || key == "searchdomain" || key == "hostname") {
    return "VM.Config.Network";
  }
  return "VM.Config.Options";
}

/// "local:1" is a volume that is yet to be made.
bool is_new_volume(const std::string& volume) {
  const std::size_t colon = volume.find(':');
  return colon != std::string::npos &&
         volume.find_first_not_of("0123456789.", colon + 1) == std::string::npos;
}

std::string disk_refusal(const std::string& vmid, const std::string& value, const Has& has) {
  const std::string volume = read_property_string(value)[""];
  if (!is_new_volume(volume)) {
    return volume_refusal(volume, vmid, has);
  }
  const std::string storage = "/storage/" + volume.substr(0, volume.find(':'));
  return has(storage, "Datastore.AllocateSpace")
             ? ""
             : permission_failed(storage + ", Datastore.AllocateSpace");
}

/// Of a bridge of the node, or one of its VLANs.
std::string bridge_refusal(const std::string& value, const Has& has) {
  auto parts = read_property_string(value);
  if (parts["bridge"].empty()) {
    return "";
  }
  const std::string path = "/sdn/zones/localnetwork/" + parts["bridge"] +
                           (parts["tag"].empty() ? "" : "/" + parts["tag"]);
  return has(path, "SDN.Use") ? "" : permission_failed(path + ", SDN.Use");
}

std::string key_refusal(const GuestChange& change, const std::string& key, const std::string& value,
                        const Has& has) {
  const std::string guest = "/vms/" + change.vmid;
  const std::string privilege = privilege_for(key);
  if (!has(guest, privilege)) {
    return permission_failed(guest + ", " + privilege);
  }
  if (is_disk(key) && !value.empty()) {
    return disk_refusal(change.vmid, value, has);
  }
  const json::Value* const before = change.before.find(key);
  for (const std::string& net :
       {before == nullptr ? "" : std::string(before->string_or("")), value}) {
    if (is_network(key) && !bridge_refusal(net, has).empty()) {
      return bridge_refusal(net, has);
    }
  }
  return "";
}

}  // namespace

bool is_about_call(std::string_view key) {
  return std::find(kAboutCall.begin(), kAboutCall.end(), key) != kAboutCall.end();
}

std::string change_refusal(const GuestChange& change, const std::string& user, const Has& has) {
  if (user == "root@pam") {
    return "";
  }
  for (const auto& [key, value] : change.given) {
    if (is_about_call(key) || key == "unprivileged") {
      continue;
    }
    if (std::string why = root_only(key, value); !why.empty()) {
      return why;
    }
    if (std::string why = key_refusal(change, key, value, has); !why.empty()) {
      return why;
    }
  }
  for (const std::string& key : change.goes) {
    if (std::string why = key_refusal(change, key, "", has); !why.empty()) {
      return why;
    }
  }
  return "";
}

}  // namespace drover::pve_sim
