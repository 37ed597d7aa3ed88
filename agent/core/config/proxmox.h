// The configuration's section "proxmox".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

using std::filesystem::path;

/// Section "proxmox": absent for a node without Proxmox.
struct ProxmoxConfig {
  bool enabled = false;  ///< true when the section stands in the file
  std::string url = "https://127.0.0.1:8006";
  std::string fingerprint;
  struct Server {
    std::string url;
    std::string fingerprint;
  };
  std::vector<Server> others;  ///< asked while the one at `url` cannot be reached
  std::string node;
  path ca_file;
  path token_file;  ///< "" for a login by user and password_file
  std::string user;
  path password_file;
  std::int64_t timeout_s = 40;
  std::int64_t volume_owner = 999'000'000;  ///< VMID that volumes of runc, crun and lxc belong to
  std::int64_t first_vmid = 900'000;        ///< range for guests
  std::int64_t last_vmid = 909'999;
  path lxc_path = "/var/lib/lxc";
  path unit_folder = "/etc/systemd/system";  ///< of drop-ins that have guests' output kept
  path guest_folder = "/etc/pve/lxc";        ///< where Proxmox keeps its guests' configurations
};

/// The section, with every fault in it and its pointer below `at`.
ProxmoxConfig read_proxmox_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
