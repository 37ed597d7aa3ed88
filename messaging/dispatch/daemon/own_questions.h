// The dispatcher's own questions: kinds "dispatch.*", which no node is asked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agent/core/key_role.h"
#include "messaging/dispatch/ledger.h"

namespace drover::dispatch {

/// What a node's liveness is since: unix ms, by node.
using Since = std::map<std::string, std::int64_t>;

inline constexpr std::string_view kOwnKinds = "dispatch.";

/// The role that a client needs for the kind; `invalid` when there is none of that name.
Result<KeyRole> role_for_own(std::string_view kind);

/// The body of the answer. `dispatch.forget` leaves a node out of the ledger, and is the only one
/// that changes it.
///
///   nodes {"after","most"} -> {"nodes":[{"name","liveness","since_unix_ms","labels","total",
///     "reserved","runtimes","storages","bridges","drained","quorate","containers","jobs","epoch",
///     "seq"}],"whole","count","alive"}
///   where {"id"} -> {"id","places":[{"node","kind","state","unreachable"}]}
///   containers {"after":{"node","name"} or absent,"most"} -> {"containers":[{"node","name",
///     "state","labels","unreachable"}],"whole"}
///   plan {"job","to","needs"} -> placement.h, of nodes that do not fit the first 100; "more"
///   forget {"node"} -> {}
Result<json::Value> answer_own(Ledger& ledger, const Since& since, std::string_view kind,
                               const json::Value& body);

}  // namespace drover::dispatch
