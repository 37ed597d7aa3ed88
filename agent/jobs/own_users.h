// Users of containers' own: which range of the node's ids each has.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>

#include "agent/core/config/container.h"
#include "agent/core/container_spec.h"
#include "agent/jobs/journal/journal.h"

namespace drover::jobs {

/// Whether the container gets users of its own from the node: its spec says "auto", and it is no
/// guest of Proxmox, which has those that Proxmox gives all guests.
bool wants_own_users(const ContainerSpec& spec, RuntimeKind kind);

/// The first id of a free range; `unavailable` when there is none. `taken`: those of ranges that
/// are given out. A name gets the same one again where it is free, and one that was given back is
/// long nobody's mostly: something of a container's may be left for a while that nobody sees.
Result<std::uint32_t> free_users(const ContainerConfig& node, const std::set<std::uint32_t>& taken,
                                 std::string_view name);

/// The same beside the ranges that containers of the journal have. Loop's thread. It is given out
/// with the container's row and given back with it: call it where that row is put, in one
/// transaction.
Result<std::uint32_t> free_users(Journal& journal, const ContainerConfig& node,
                                 std::string_view name);

}  // namespace drover::jobs
