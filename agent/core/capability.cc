#include "agent/core/capability.h"

#include <algorithm>
#include <array>

namespace drover {
namespace {

constexpr std::string_view kCap = "CAP_";
/// In the order of their numbers (linux/capability.h).
constexpr std::array<std::string_view, 41> kCapabilities = {"CHOWN",
                                                            "DAC_OVERRIDE",
                                                            "DAC_READ_SEARCH",
                                                            "FOWNER",
                                                            "FSETID",
                                                            "KILL",
                                                            "SETGID",
                                                            "SETUID",
                                                            "SETPCAP",
                                                            "LINUX_IMMUTABLE",
                                                            "NET_BIND_SERVICE",
                                                            "NET_BROADCAST",
                                                            "NET_ADMIN",
                                                            "NET_RAW",
                                                            "IPC_LOCK",
                                                            "IPC_OWNER",
                                                            "SYS_MODULE",
                                                            "SYS_RAWIO",
                                                            "SYS_CHROOT",
                                                            "SYS_PTRACE",
                                                            "SYS_PACCT",
                                                            "SYS_ADMIN",
                                                            "SYS_BOOT",
                                                            "SYS_NICE",
                                                            "SYS_RESOURCE",
                                                            "SYS_TIME",
                                                            "SYS_TTY_CONFIG",
                                                            "MKNOD",
                                                            "LEASE",
                                                            "AUDIT_WRITE",
                                                            "AUDIT_CONTROL",
                                                            "SETFCAP",
                                                            "MAC_OVERRIDE",
                                                            "MAC_ADMIN",
                                                            "SYSLOG",
                                                            "WAKE_ALARM",
                                                            "BLOCK_SUSPEND",
                                                            "AUDIT_READ",
                                                            "PERFMON",
                                                            "BPF",
                                                            "CHECKPOINT_RESTORE"};

}  // namespace

std::optional<std::string> capability_from(std::string_view name) {
  if (name == kEveryCapability) {
    return std::string(name);
  }
  if (name.starts_with(kCap)) {
    name.remove_prefix(kCap.size());
  }
  if (std::find(kCapabilities.begin(), kCapabilities.end(), name) == kCapabilities.end()) {
    return std::nullopt;
  }
  return std::string(kCap).append(name);
}

std::vector<std::string> every_capability() {
  std::vector<std::string> names;
  for (const std::string_view name : kCapabilities) {
    names.push_back(std::string(kCap).append(name));
  }
  return names;
}

bool is_usual_capability(std::string_view name) {
  constexpr std::array<std::string_view, 11> kUsual = {
      "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
      "CAP_KILL",    "CAP_SETGID",           "CAP_SETUID",    "CAP_SETPCAP",
      "CAP_SETFCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT"};
  return std::find(kUsual.begin(), kUsual.end(), name) != kUsual.end();
}

}  // namespace drover
