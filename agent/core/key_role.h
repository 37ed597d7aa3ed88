// KeyRole: what the owner of a key may do on a node, or at a dispatcher.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/core/verb.h"

namespace drover {

/// Each of the first three holds those before it. A dispatcher hands on what others ask for and
/// asks for nothing itself. An agent, in a dispatcher's list, speaks for its node.
enum class KeyRole {
  observe,  ///< queries, events, logs
  submit,   ///< jobs, and what programs inside read
  admin,    ///< the node itself: drain, networks, collecting what leaked
  dispatch,
  agent,
};

std::string_view to_string(KeyRole role);
std::optional<KeyRole> key_role_from(std::string_view name);
/// "observe, submit, admin, dispatch, agent", for messages.
std::string all_key_roles();

/// The role that a job of this verb needs.
KeyRole key_role_of(Verb verb);

/// Whether one of `held` is `needed` or holds it.
bool allows(const std::set<KeyRole>& held, KeyRole needed);

}  // namespace drover
