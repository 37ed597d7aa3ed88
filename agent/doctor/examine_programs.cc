#include "agent/doctor/examine_programs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <initializer_list>

#include "runtimes/oci/seccomp_profile.h"

namespace drover::doctor {
namespace {

struct Program {
  const char* name;
  const char* package;
  const char* purpose;
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

/// Without its profile no container of runc and crun is made, but those that ask for none.
Finding examine_seccomp(const path& configured) {
  const path profile = configured.empty() ? path(runtimes::kDefaultSeccompProfile) : configured;
  if (access(profile.c_str(), R_OK) == 0) {
    return {"programs", true, profile.native()};
  }
  Finding finding{"programs",
                  false,
                  fmt::format("{} is missing, the filter of system calls of containers of runc and "
                              "crun",
                              profile.native()),
                  {}};
  if (configured.empty()) {
    finding.commands = {fmt::format("apt install {}", runtimes::kSeccompPackage)};
  }
  return finding;
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
  for (const char* plugin : {"bridge", "host-local"}) {
    findings.push_back(examine({plugin, "containernetworking-plugins",
                                "a CNI plugin without which no container gets on a bridge"},
                               config.network.plugin_folders));
  }
  return findings;
}

}  // namespace drover::doctor
