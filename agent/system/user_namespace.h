// User namespaces (user_namespaces(7)), and network namespaces that belong to them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::system {

/// Which ids outside those inside are, users and groups alike. An id without one is nobody's.
struct IdMap {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
};

/// A new one, which lives as long as somebody has it open, is in it, or it is pinned. `unavailable`
/// when the kernel makes no more of them (user.max_user_namespaces of sysctl(8)). Any thread.
Result<UniqueFd> make_user_namespace(const IdMap& map);
/// `not_found` where none is pinned.
Result<UniqueFd> open_pinned_namespace(const Path& place);
/// Keeps it at `place`, a file that is made. What stands there already is success.
Result<> pin_namespace(const UniqueFd& space, const Path& place);
/// Absent is success.
Result<> unpin_namespace(const Path& place);

/// Calls `use` with a process that is in a new network namespace, over which those of `users` have
/// the say: with one of the node's own root inside could open no port below 1024. The process ends
/// when `use` returns.
Result<> with_network_namespace(const UniqueFd& users, const std::function<Result<>(pid_t)>& use);
/// Whether the network namespace pinned at `place` belongs to `users`.
Result<bool> belongs_to(const Path& place, const UniqueFd& users);

}  // namespace drover::system
