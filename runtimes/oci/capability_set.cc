#include "runtimes/oci/capability_set.h"

#include <algorithm>
#include <array>

#include "agent/core/capability.h"

namespace drover::runtimes {
namespace {

/// Podman's default (containers.conf(5), default_capabilities): what the programs of ordinary
/// images need to drop to their own users. Raw sockets and device nodes are not among it.
const std::vector<std::string>& default_capabilities() {
  static const std::vector<std::string> names{
      "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
      "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",   "CAP_SETGID",
      "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};
  return names;
}

/// Those of Linux 6.1, in the order of their numbers (linux/capability.h).
const std::vector<std::string>& every_capability() {
  static const std::vector<std::string> names{"CAP_CHOWN",
                                              "CAP_DAC_OVERRIDE",
                                              "CAP_DAC_READ_SEARCH",
                                              "CAP_FOWNER",
                                              "CAP_FSETID",
                                              "CAP_KILL",
                                              "CAP_SETGID",
                                              "CAP_SETUID",
                                              "CAP_SETPCAP",
                                              "CAP_LINUX_IMMUTABLE",
                                              "CAP_NET_BIND_SERVICE",
                                              "CAP_NET_BROADCAST",
                                              "CAP_NET_ADMIN",
                                              "CAP_NET_RAW",
                                              "CAP_IPC_LOCK",
                                              "CAP_IPC_OWNER",
                                              "CAP_SYS_MODULE",
                                              "CAP_SYS_RAWIO",
                                              "CAP_SYS_CHROOT",
                                              "CAP_SYS_PTRACE",
                                              "CAP_SYS_PACCT",
                                              "CAP_SYS_ADMIN",
                                              "CAP_SYS_BOOT",
                                              "CAP_SYS_NICE",
                                              "CAP_SYS_RESOURCE",
                                              "CAP_SYS_TIME",
                                              "CAP_SYS_TTY_CONFIG",
                                              "CAP_MKNOD",
                                              "CAP_LEASE",
                                              "CAP_AUDIT_WRITE",
                                              "CAP_AUDIT_CONTROL",
                                              "CAP_SETFCAP",
                                              "CAP_MAC_OVERRIDE",
                                              "CAP_MAC_ADMIN",
                                              "CAP_SYSLOG",
                                              "CAP_WAKE_ALARM",
                                              "CAP_BLOCK_SUSPEND",
                                              "CAP_AUDIT_READ",
                                              "CAP_PERFMON",
                                              "CAP_BPF",
                                              "CAP_CHECKPOINT_RESTORE"};
  return names;
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

json::Array to_names(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

}  // namespace

std::vector<std::string> bounding_capabilities(const SecuritySpec& security) {
  const std::vector<std::string>& added = security.capabilities_add;
  const std::vector<std::string>& dropped = security.capabilities_drop;
  std::vector<std::string> bounding;
  for (const std::string& name : every_capability()) {
    const bool usual = holds(added, kEveryCapability) ||
                       (holds(default_capabilities(), name) && !holds(dropped, kEveryCapability));
    if ((usual && !holds(dropped, name)) || holds(added, name)) {
      bounding.push_back(name);
    }
  }
  return bounding;
}

void set_capabilities(Spec& spec, const ImageUser& user, const std::vector<std::string>& bounding,
                      const SecuritySpec& security) {
  std::vector<std::string> ambient;
  std::vector<std::string> held = bounding;
  if (user.uid != 0) {
    const std::vector<std::string>& added = security.capabilities_add;
    std::copy_if(bounding.begin(), bounding.end(), std::back_inserter(ambient),
                 [&](const std::string& name) {
                   return holds(added, kEveryCapability) || holds(added, name);
                 });
    held = ambient;
  }
  spec.set({"process", "capabilities"}, json::Object{{"bounding", to_names(bounding)},
                                                     {"effective", to_names(held)},
                                                     {"permitted", to_names(held)},
                                                     {"inheritable", to_names(ambient)},
                                                     {"ambient", to_names(ambient)}});
}

}  // namespace drover::runtimes
