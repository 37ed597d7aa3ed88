// Idmapped mounts: what is mounted seems to belong to other users than it does on the disk
// (mount_setattr(2)). What a user of the namespace makes there belongs on the disk to the id that
// it has inside.
#pragma once

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::system {

/// A mount of its own of what is open as `source`, with `all_below` also of all mounted below it;
/// attached nowhere yet, and private.
Result<UniqueFd> clone_mount(const UniqueFd& source, bool all_below);

/// Lets files in `tree`, which must be attached nowhere yet, seem to belong to those ids outside of
/// the user namespace `users` that their owners' are inside; with `all_below` in all of it. An
/// owner that has none inside is nobody. `refused` where a file system cannot: `what` names it.
Result<> map_owners(const UniqueFd& tree, const UniqueFd& users, bool all_below, const Path& what);

/// At `target`, a folder or, where it is one, a file that is there.
Result<> attach_mount(const UniqueFd& tree, const Path& target);

}  // namespace drover::system
