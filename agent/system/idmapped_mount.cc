#include "agent/system/idmapped_mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace drover::system {
namespace {

constexpr unsigned kEmptyPath = AT_EMPTY_PATH;
constexpr unsigned kRecursive = AT_RECURSIVE;

Result<> set_mount(const UniqueFd& tree, mount_attr wanted, bool all_below) {
  return syscall(SYS_mount_setattr, tree.get(), "", kEmptyPath | (all_below ? kRecursive : 0U),
                 &wanted, sizeof wanted) == 0
             ? Result<>()
             : fail(Code::broken, "{}", std::strerror(errno));
}

}  // namespace

Result<UniqueFd> clone_mount(const UniqueFd& source, bool all_below) {
  UniqueFd tree(static_cast<int>(
      syscall(SYS_open_tree, source.get(), "",
              OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | kEmptyPath | (all_below ? kRecursive : 0U))));
  if (!tree.valid()) {
    return fail(Code::broken, "clone a mount: {}", std::strerror(errno));
  }
  mount_attr wanted{};
  wanted.propagation = MS_PRIVATE;
  TRY(set_mount(tree, wanted, all_below).context("make a mount private"));
  return tree;
}

Result<> map_owners(const UniqueFd& tree, const UniqueFd& users, bool all_below, const Path& what) {
  mount_attr wanted{};
  wanted.attr_set = MOUNT_ATTR_IDMAP;
  wanted.userns_fd = static_cast<std::uint64_t>(users.get());
  const Result<> mapped = set_mount(tree, wanted, all_below);
  // EINVAL is the file system's, EPERM that of one that is mapped already.
  return mapped ? Result<>()
                : fail(Code::refused,
                       "map the owners of what is in {}{}: {}; its file system must be able to "
                       "(mount_setattr(2): ext4, xfs, btrfs, tmpfs from Linux 6.3 on, ZFS from 2.2 "
                       "on; no network's)",
                       what.native(), all_below ? " and mounted below it" : "",
                       mapped.error().message);
}

Result<> attach_mount(const UniqueFd& tree, const Path& target) {
  if (syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) !=
      0) {
    return fail(Code::broken, "mount at {}: {}", target.native(), std::strerror(errno));
  }
  return {};
}

}  // namespace drover::system
