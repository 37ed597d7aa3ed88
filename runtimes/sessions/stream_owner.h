// StreamOwner: whose the pipes and the terminal are of a program that is run inside a container
// with users of its own. They are made by the node's root, who is nobody there, and programs open
// them once more by their names, /dev/stdout and /dev/stderr, which the kernel lets their owner do.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/core/json.h"
#include "agent/core/result.h"

namespace drover::runtimes {

/// By ids of the node.
struct StreamOwner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// The user `uid` with group `gid` of the user namespace that process `first` is in. None where
/// they are the same on the node, for what enters a container gives them its streams then, and for
/// ids that are nobody's there.
std::optional<StreamOwner> stream_owner(pid_t first, std::uint32_t uid, std::uint32_t gid);
/// The same of a user as LXC is told it: "uid:gid", "uid", or "" for root.
std::optional<StreamOwner> stream_owner(pid_t first, std::string_view user);

/// Gives it a pipe, or the program's end of a terminal.
Result<> give_stream(int stream, const std::optional<StreamOwner>& owner);

json::Value to_json(const StreamOwner& owner);
/// None of what is none.
std::optional<StreamOwner> read_stream_owner(const json::Value& value);

}  // namespace drover::runtimes
