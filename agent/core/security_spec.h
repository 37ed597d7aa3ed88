// SecuritySpec: what a container's programs may do beyond, or may not do of, what they usually may.
#pragma once

#include <string>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

struct SecuritySpec {
  /// "CAP_..." or "ALL", sorted, each once. What is dropped is taken off the usual set (or, where
  /// all are added, off all); where all are dropped only what is added is left.
  std::vector<std::string> capabilities_add;
  std::vector<std::string> capabilities_drop;
  std::string seccomp;   ///< "" for the node's filter, "unconfined", or a profile's absolute path
  std::string apparmor;  ///< "" for the usual profile, "unconfined", or a profile's name
  bool no_new_privileges = true;
  /// "auto": a range of users is given out, and root inside is nobody on the node; "host": the
  /// node's own users; "" for what is usual for the runtime.
  std::string user_namespace;
  bool operator==(const SecuritySpec&) const = default;
};

/// The members "capabilities": {"add", "drop"}, "seccomp", "apparmor", "no_new_privileges" and
/// "user_namespace" of a spec. "default" of seccomp and apparmor is as none.
SecuritySpec read_security(Fields& spec, Faults& faults);
/// Sets them in `spec`; what has its default is left out.
void set_security(json::Object& spec, const SecuritySpec& security);

}  // namespace drover
