// The kernel's calls to make a mount first and to attach it then, by descriptors: mount(2) knows
// places by their names only, which lead where an image's links want.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::lxc {

/// A mount of its own of what stands at `path` of `folder` (of `folder` itself when it is ""), with
/// all mounted below it; attached nowhere yet.
Result<system::UniqueFd> clone_tree(int folder, const system::Path& path);
/// A new file system of `type`; attached nowhere yet. `attributes` are of fsmount(2).
Result<system::UniqueFd> make_file_system(
    const std::string& type, const std::vector<std::pair<std::string, std::string>>& settings,
    std::uint64_t attributes);
/// Adds `attributes` of mount_setattr(2) to those it has, with `all_below` also to what is mounted
/// below it, and makes it private.
Result<> set_attributes(const system::UniqueFd& tree, std::uint64_t attributes, bool all_below);
/// Attaches it at `place`, whose name is for messages only.
Result<> attach(const system::UniqueFd& tree, const system::UniqueFd& place,
                const system::Path& name);

}  // namespace drover::lxc
