#include "runtimes/lxc/mount_calls.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace drover::lxc {

using system::Path;
using system::UniqueFd;

Result<UniqueFd> clone_tree(int folder, const Path& path) {
  UniqueFd tree(static_cast<int>(
      syscall(SYS_open_tree, folder, path.c_str(),
              OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_RECURSIVE) |
                  static_cast<unsigned>(path.empty() ? AT_EMPTY_PATH : 0))));
  if (!tree.valid()) {
    return fail(Code::broken, "open {} to mount it: {}", path.native(), std::strerror(errno));
  }
  return tree;
}

Result<UniqueFd> make_file_system(const std::string& type,
                                  const std::vector<std::pair<std::string, std::string>>& settings,
                                  std::uint64_t attributes) {
  const UniqueFd context(static_cast<int>(syscall(SYS_fsopen, type.c_str(), FSOPEN_CLOEXEC)));
  if (!context.valid()) {
    return fail(Code::broken, "make a {}: {}", type, std::strerror(errno));
  }
  for (const auto& [name, value] : settings) {
    if (syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, name.c_str(), value.c_str(), 0) !=
        0) {
      return fail(Code::broken, "make a {} with {}={}: {}", type, name, value,
                  std::strerror(errno));
    }
  }
  UniqueFd made;
  if (syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    made = UniqueFd(
        static_cast<int>(syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes)));
  }
  if (!made.valid()) {
    return fail(Code::broken, "make a {}: {}", type, std::strerror(errno));
  }
  return made;
}

Result<> set_attributes(const UniqueFd& tree, std::uint64_t attributes, bool all_below) {
  mount_attr wanted{};
  wanted.attr_set = attributes;
  wanted.propagation = MS_PRIVATE;
  if (syscall(SYS_mount_setattr, tree.get(), "",
              static_cast<unsigned>(AT_EMPTY_PATH) |
                  static_cast<unsigned>(all_below ? AT_RECURSIVE : 0),
              &wanted, sizeof wanted) != 0) {
    return fail(Code::broken, "set a mount's attributes: {}", std::strerror(errno));
  }
  return {};
}

Result<> attach(const UniqueFd& tree, const UniqueFd& place, const Path& name) {
  if (syscall(SYS_move_mount, tree.get(), "", place.get(), "",
              MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return fail(Code::broken, "mount it at {}: {}", name.native(), std::strerror(errno));
  }
  return {};
}

}  // namespace drover::lxc
