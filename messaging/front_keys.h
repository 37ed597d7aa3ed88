// FrontKeys: what droverd has the front serve over tcp, with which keys and for whom. The front
// reads no key file; this comes over its pair at its start and whenever something changes, whole
// each time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/allow_list.h"
#include "agent/core/config/dispatch.h"
#include "agent/core/curve_key.h"
#include "agent/core/result.h"
#include "messaging/record.h"

namespace drover::messaging {

inline constexpr std::string_view kFrontKeys = "front.keys";

struct FrontKeys {
  std::string address;          ///< an IP address of the node; "": nothing is served over tcp
  std::uint16_t port = 0;       ///< of jobs; four more follow: query, events, streams, admin
  std::uint16_t next_port = 0;  ///< the same five with the next key
  KeyPair server;
  std::optional<KeyPair> next;  ///< while keys are changed; without it next_port is not bound
  /// Of each key the name, the key, its roles and limits.message_kib. All else droverd itself holds
  /// against each message.
  AllowList allowed;
  std::vector<DispatchServer> servers{};  ///< to which the front connects
};

/// {"kind":"front.keys","address","port","next_port"} with the body
/// {"server":{"public","secret"},"next":the same or absent,"allowed":the allow list's form,
/// "servers":[{"address","port","key"}]}.
/// However many keys an allow list has, it fits; with the names for which the keys of agents may
/// speak (`agents_names`, for a dispatcher) it may be larger than kMostBody. Wipe the body when it
/// was sent.
Record write_front_keys(const FrontKeys& keys, bool agents_names = false);
/// The inverse; `invalid` for what is no such record. Wipe its body afterwards.
Result<FrontKeys> read_front_keys(const Record& record);

}  // namespace drover::messaging
