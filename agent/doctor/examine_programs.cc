#include "agent/doctor/examine_programs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <initializer_list>

#include "runtimes/layout.h"
#include "runtimes/network/dhcp_daemon.h"
#include "runtimes/oci/seccomp_profile.h"

namespace drover::doctor {
namespace {

struct Program {
  const char* name;
  const char* package;
  const char* purpose;
};

struct Plugin {
  const char* name;
  const char* purpose;
};

/// All that a spec can ask for (interface_chain.h of runtimes/network).
constexpr std::array kPlugins = {
    Plugin{"bridge", "a CNI plugin without which no container gets on a bridge"},
    Plugin{"host-local", "a CNI plugin without which no container gets an address of a range"},
    Plugin{"static", "a CNI plugin that addresses of a job's choice, and Proxmox's, need"},
    Plugin{"dhcp", "a CNI plugin that addresses of DHCP servers need"},
    Plugin{"portmap", "a CNI plugin that published ports need"},
    Plugin{"bandwidth", "a CNI plugin that limits of networks need"},
    Plugin{"firewall", "a CNI plugin that forwarding of networks needs"},
    Plugin{"macvlan", "a CNI plugin that networks of kind macvlan need"},
    Plugin{"ptp", "a CNI plugin that networks of kind ptp need"},
    Plugin{"vlan", "a CNI plugin that networks of kind vlan need"},
};

std::string found_in(const std::vector<path>& folders, const std::string& name) {
  for (const path& folder : folders) {
    if (is_program(folder / name)) {
      return folder / name;
    }
  }
  return "";
}

Finding examine(const Program& program, const std::vector<path>& folders) {
  const std::string file = found_in(folders, program.name);
  if (!file.empty()) {
    return {"programs", true, file};
  }
  return {"programs",
          false,
          fmt::format("{} is missing, {}", program.name, program.purpose),
          {fmt::format("apt install {}", program.package)}};
}

/// Without its profile no container of runc, crun and lxc is made, but those that ask for none.
Finding examine_seccomp(const path& configured) {
  const path profile = configured.empty() ? path(runtimes::kDefaultSeccompProfile) : configured;
  if (access(profile.c_str(), R_OK) == 0) {
    return {"programs", true, profile.native()};
  }
  Finding finding{"programs",
                  false,
                  fmt::format("{} is missing, the filter of system calls of containers of runc, "
                              "crun and lxc",
                              profile.native()),
                  {}};
  if (configured.empty()) {
    finding.commands = {fmt::format("apt install {}", runtimes::kSeccompPackage)};
  }
  return finding;
}

/// Jobs that ask for such an address are refused without it, and a node need not have any.
Finding examine_dhcp(const Config& config) {
  runtimes::Layout layout;
  layout.run = config.runtime.run_folder;
  const Result<std::string> daemon = runtimes::dhcp_daemon(layout.dhcp_socket());
  return {"programs",
          true,
          daemon
              ? "leases of DHCP servers are kept by process " + daemon->substr(0, daemon->find(' '))
              : daemon.error().message + ", should containers have addresses of DHCP servers",
          {}};
}

}  // namespace

bool is_program(const path& file) {
  std::error_code error;
  return std::filesystem::is_regular_file(file, error) && access(file.c_str(), X_OK) == 0;
}

std::vector<Finding> examine_programs(const Config& config) {
  std::vector<Finding> findings;
  for (const RuntimeKind kind : {RuntimeKind::runc, RuntimeKind::crun}) {
    const Result<path> program = config.runtime_path(kind);
    if (program) {
      findings.push_back({"programs", true, program->native()});
    } else {
      const bool needed = config.routes_to(kind);
      findings.push_back({"programs",
                          !needed,
                          needed
                              ? program.error().message
                              : fmt::format("{} is not there, nor asked for by the configuration",
                                            to_string(kind)),
                          {}});
      if (needed) {
        findings.back().commands = {fmt::format("apt install {}", to_string(kind))};
      }
    }
  }
  if (is_program(config.runtime.conmon)) {
    findings.push_back({"programs", true, config.runtime.conmon.native()});
  } else {
    findings.push_back({"programs",
                        false,
                        fmt::format("{} is missing, which containers of runc and crun need",
                                    config.runtime.conmon.native()),
                        {"apt install conmon"}});
  }
  findings.push_back(examine_seccomp(config.runtime.seccomp_profile));
  const std::vector<path> folders = {"/usr/bin", "/usr/sbin",      "/bin",
                                     "/sbin",    "/usr/local/bin", "/usr/local/sbin"};
  for (const Program& program :
       {Program{"umoci", "umoci", "which unpacks images"},
        Program{"mkfs.ext4", "e2fsprogs", "which volumes with a size need"},
        Program{"mount", "mount", "which volumes need"}, Program{"ip", "iproute2", "for networks"},
        Program{"iptables", "iptables", "which published ports need"},
        Program{"lxc-info", "lxc", "which containers of lxc and pve-lxc need"}}) {
    findings.push_back(examine(program, folders));
  }
  if (config.storage.default_storage == "local-xfs") {
    findings.push_back(
        examine({"mkfs.xfs", "xfsprogs", "which the default storage needs"}, folders));
  }
  if (config.storage.default_storage == "local-btrfs") {
    findings.push_back(
        examine({"btrfs", "btrfs-progs", "which the default storage needs"}, folders));
  }
  if (!config.storage.thin_pool.empty()) {
    findings.push_back(examine({"lvcreate", "lvm2", "which storage.thin_pool needs"}, folders));
    findings.push_back(examine(
        {"thin_check", "thin-provisioning-tools", "which storage.thin_pool needs"}, folders));
  }
  for (const auto& [plugin, purpose] : kPlugins) {
    findings.push_back(
        examine({plugin, "containernetworking-plugins", purpose}, config.network.plugin_folders));
  }
  findings.push_back(examine_dhcp(config));
  return findings;
}

}  // namespace drover::doctor
