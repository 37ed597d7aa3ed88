#include "agent/core/runtime_kind.h"

namespace drover {

std::string_view to_string(RuntimeKind kind) {
  switch (kind) {
    case RuntimeKind::runc:
      return "runc";
    case RuntimeKind::crun:
      return "crun";
    case RuntimeKind::lxc:
      return "lxc";
    case RuntimeKind::pve_lxc:
      return "pve-lxc";
  }
  return "unknown";
}

std::optional<RuntimeKind> runtime_kind_from(std::string_view name) {
  for (const RuntimeKind kind :
       {RuntimeKind::runc, RuntimeKind::crun, RuntimeKind::lxc, RuntimeKind::pve_lxc}) {
    if (to_string(kind) == name) {
      return kind;
    }
  }
  return std::nullopt;
}

}  // namespace drover
