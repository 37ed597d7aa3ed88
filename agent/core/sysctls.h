// Sysctls: settings of the kernel that a container has for itself (namespaces(7)).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/core/fields.h"

namespace drover {

/// Whether each container has this setting for itself, so that setting it changes nothing on the
/// node: net.*, fs.mqueue.* and those of System V's IPC in kernel.*. Names are with dots, and hold
/// letters, digits, '_', '-' and '.' only.
bool is_namespaced_sysctl(std::string_view name);

/// The member "sysctls" of a spec: {"net.core.somaxconn": "1024"}.
std::map<std::string, std::string> read_sysctls(Fields& spec);

}  // namespace drover
