// The allow list of this node as a command edits it.
#pragma once

#include <functional>
#include <string>

#include "agent/core/allow_list.h"
#include "agent/core/result.h"
#include "agent/system/file.h"

namespace CLI {
class App;
}

namespace drover::cli {

/// What the commands that keep a node's keys share.
struct KeysOptions {
  std::string config = "/etc/drover/droverd.json";
};

/// Where the node's configuration says; on a machine without one where it would be by itself.
Result<system::Path> keys_folder_of(const KeysOptions& options);

/// Reads the folder's list, lets `edit` change it and puts it in place, whole and on the disk. One
/// command at a time; a missing folder is made, 0700.
Result<> edit_allow_list(const system::Path& folder,
                         const std::function<Result<>(AllowList&)>& edit);

/// Prints what failed, which is no fault of a node, and returns the code for it.
Result<int> ended_by_keys(Result<int> ended);

/// With the folder's lock, as every command that changes something there.
Result<> with_keys_folder(const system::Path& folder, const std::function<Result<>()>& change);

}  // namespace drover::cli
