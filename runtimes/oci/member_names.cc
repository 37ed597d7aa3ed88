#include "runtimes/oci/member_names.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace drover::runtimes {
namespace {

/// Of the specification's versions 1.0 to 1.2 (config.md, config-linux.md, config-vm.md left out),
/// wherever they stand.
constexpr std::array kMemberNames = std::to_array<std::string_view>({
    "access",
    "action",
    "additionalGids",
    "allow",
    "ambient",
    "annotations",
    "apparmorProfile",
    "architectures",
    "args",
    "blockIO",
    "bounding",
    "burst",
    "capabilities",
    "cgroupsPath",
    "checkBeforeUpdate",
    "class",
    "classID",
    "closID",
    "commandLine",
    "consoleSize",
    "containerID",
    "cpu",
    "cpus",
    "createContainer",
    "createRuntime",
    "cwd",
    "defaultAction",
    "defaultErrnoRet",
    "destination",
    "devices",
    "disableOOMKiller",
    "domain",
    "domainname",
    "effective",
    "enableCMT",
    "enableMBM",
    "env",
    "errnoRet",
    "execCPUAffinity",
    "fileMode",
    "final",
    "flags",
    "gid",
    "gidMappings",
    "hard",
    "hcaHandles",
    "hcaObjects",
    "height",
    "hooks",
    "hostID",
    "hostname",
    "hugepageLimits",
    "idle",
    "index",
    "inheritable",
    "initial",
    "intelRdt",
    "interfaces",
    "ioPriority",
    "kernel",
    "kernelTCP",
    "l3CacheSchema",
    "leafWeight",
    "limit",
    "linux",
    "listenerMetadata",
    "listenerPath",
    "major",
    "maskedPaths",
    "mbaSchema",
    "memBwSchema",
    "memory",
    "memoryPolicy",
    "mems",
    "minor",
    "mode",
    "mountLabel",
    "mounts",
    "name",
    "names",
    "namespaces",
    "nanosecs",
    "netDevices",
    "network",
    "noNewPrivileges",
    "nodes",
    "ociVersion",
    "oomScoreAdj",
    "op",
    "options",
    "pageSize",
    "path",
    "period",
    "permitted",
    "personality",
    "pids",
    "poststart",
    "poststop",
    "prestart",
    "priorities",
    "priority",
    "process",
    "quota",
    "rate",
    "rdma",
    "readonly",
    "readonlyPaths",
    "realtimePeriod",
    "realtimeRuntime",
    "reservation",
    "resources",
    "rlimits",
    "root",
    "rootfsPropagation",
    "runtime",
    "scheduler",
    "schemata",
    "seccomp",
    "secs",
    "selinuxLabel",
    "shares",
    "size",
    "soft",
    "solaris",
    "source",
    "startContainer",
    "swap",
    "swappiness",
    "syscalls",
    "sysctl",
    "terminal",
    "throttleReadBpsDevice",
    "throttleReadIOPSDevice",
    "throttleWriteBpsDevice",
    "throttleWriteIOPSDevice",
    "timeOffsets",
    "timeout",
    "type",
    "uid",
    "uidMappings",
    "umask",
    "unified",
    "user",
    "useHierarchy",
    "username",
    "value",
    "valueTwo",
    "vm",
    "weight",
    "weightDevice",
    "width",
    "windows",
    "zos",
    "nice",
    "deadline",
});

/// What stands in these is named by whoever writes it.
constexpr std::array kFreelyNamed = std::to_array<std::string_view>(
    {"annotations", "linux.sysctl", "linux.resources.unified", "linux.resources.rdma"});

/// As Go folds a name.
std::string folded(std::string_view name) {
  constexpr std::string_view kLongS = "\xC5\xBF";
  constexpr std::string_view kKelvin = "\xE2\x84\xAA";
  std::string text;
  for (std::size_t at = 0; at < name.size();) {
    const std::string_view rest = name.substr(at);
    if (rest.starts_with(kLongS)) {
      text += 's';
      at += kLongS.size();
    } else if (rest.starts_with(kKelvin)) {
      text += 'k';
      at += kKelvin.size();
    } else {
      const char c = rest.front();
      text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      ++at;
    }
  }
  return text;
}

bool is_other_spelling(std::string_view name) {
  if (std::find(kMemberNames.begin(), kMemberNames.end(), name) != kMemberNames.end()) {
    return false;
  }
  const std::string same = folded(name);
  return std::any_of(kMemberNames.begin(), kMemberNames.end(),
                     [&same](std::string_view known) { return folded(known) == same; });
}

std::optional<std::string> other_spelling_in(const json::Value& value, const std::string& place) {
  if (const json::Array* array = value.array()) {
    for (const json::Value& element : *array) {
      if (std::optional<std::string> found = other_spelling_in(element, place)) {
        return found;
      }
    }
  }
  const json::Object* const object = value.object();
  if (object == nullptr) {
    return std::nullopt;
  }
  const bool free =
      std::find(kFreelyNamed.begin(), kFreelyNamed.end(), place) != kFreelyNamed.end();
  for (const auto& [name, inner] : *object) {
    std::string at = place.empty() ? name : place + "." + name;
    if (!free && is_other_spelling(name)) {
      return at;
    }
    if (std::optional<std::string> found = other_spelling_in(inner, at)) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> other_spelling(const json::Object& patch) {
  return other_spelling_in(json::Value(patch), "");
}

}  // namespace drover::runtimes
