// Inotify: what has come on a descriptor of inotify(7).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "agent/system/unique_fd.h"

namespace drover::system {

struct FileChange {
  int watch = -1;          ///< as inotify_add_watch numbered it; -1 of IN_Q_OVERFLOW
  std::uint32_t mask = 0;  ///< IN_...
  std::string_view name;   ///< within a folder that is watched; "" of the watched thing itself
};

/// Calls `on` with each change, in order, until none is left. The descriptor has to be nonblocking.
/// A name holds during the call only.
void take_changes(const UniqueFd& inotify, const std::function<void(const FileChange&)>& on);

}  // namespace drover::system
