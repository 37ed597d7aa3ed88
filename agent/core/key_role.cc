#include "agent/core/key_role.h"

#include <algorithm>
#include <array>

namespace drover {
namespace {

constexpr std::array kRoles{KeyRole::observe, KeyRole::submit, KeyRole::admin, KeyRole::dispatch,
                            KeyRole::agent};

/// Those of which each holds the ones before it.
bool is_of_clients(KeyRole role) {
  return role <= KeyRole::admin;
}

}  // namespace

std::string_view to_string(KeyRole role) {
  switch (role) {
    case KeyRole::observe:
      return "observe";
    case KeyRole::submit:
      return "submit";
    case KeyRole::admin:
      return "admin";
    case KeyRole::dispatch:
      return "dispatch";
    case KeyRole::agent:
      return "agent";
  }
  return "unknown";
}

std::optional<KeyRole> key_role_from(std::string_view name) {
  for (const KeyRole role : kRoles) {
    if (to_string(role) == name) {
      return role;
    }
  }
  return std::nullopt;
}

std::string all_key_roles() {
  std::string all;
  for (const KeyRole role : kRoles) {
    all += all.empty() ? "" : ", ";
    all += to_string(role);
  }
  return all;
}

KeyRole key_role_of(Verb verb) {
  const TargetKind kind = target_kind_of(verb);
  return kind == TargetKind::node || kind == TargetKind::network ? KeyRole::admin : KeyRole::submit;
}

bool allows(const std::set<KeyRole>& held, KeyRole needed) {
  if (!is_of_clients(needed)) {
    return held.count(needed) != 0;
  }
  return std::any_of(held.begin(), held.end(),
                     [needed](KeyRole role) { return is_of_clients(role) && role >= needed; });
}

}  // namespace drover
