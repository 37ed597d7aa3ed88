#include "runtimes/bind_sources.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/core/config/bind_rules.h"
#include "agent/core/folder_names.h"
#include "agent/system/file.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

using system::UniqueFd;

/// That which keeps `source` from being written: what decides on it, or one that lies below it and
/// would be written through it.
const AllowedBind* kept_from_writing(const std::vector<AllowedBind>& allowed,
                                     const AllowedBind& rule, const path& source) {
  if (rule.read_only) {
    return &rule;
  }
  const auto below = std::find_if(allowed.begin(), allowed.end(), [&](const AllowedBind& one) {
    return one.read_only && lies_below(one.source, source);
  });
  return below == allowed.end() ? nullptr : &*below;
}

std::string names_of_binds(const std::vector<AllowedBind>& allowed) {
  std::string names;
  for (const AllowedBind& one : allowed) {
    names += (names.empty() ? "" : ", ") + one.source.native();
  }
  return names.empty() ? "none" : names;
}

/// What decides on `source`, or why it is refused.
Result<const AllowedBind*> check_rules(const std::vector<AllowedBind>& allowed, const path& source,
                                       const MountSpec& mount) {
  const AllowedBind* rule = deciding_bind(allowed, source);
  if (rule == nullptr) {
    return fail(Code::refused,
                "mounts: source {}{} lies below nothing that this node lets jobs bind ({}); its "
                "admin may change policy.binds",
                mount.source, source == path(mount.source) ? "" : ", which is " + source.native(),
                names_of_binds(allowed));
  }
  if (const AllowedBind* kept = kept_from_writing(allowed, *rule, source);
      kept != nullptr && !mount.read_only) {
    return fail(Code::refused,
                "mounts: source {}{} may be bound with read_only only, because of {}; its admin "
                "may change policy.binds",
                mount.source, source == path(mount.source) ? "" : ", which is " + source.native(),
                kept->source.native());
  }
  return rule;
}

Result<path> path_of_source(const UniqueFd& fd, const path& name) {
  std::error_code error;
  path found = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd.get()), error);
  if (error) {
    return fail(Code::broken, "resolve {}: {}", name.native(), error.message());
  }
  return found;
}

/// Everything lies below "/", also what an absolute link leads to.
Result<UniqueFd> open_inside(const path& folder, const path& source) {
  constexpr int kFlags = O_PATH | O_CLOEXEC;
  const path inside = source.lexically_relative(folder);
  return folder == "/" ? system::open_in_root("/", inside, kFlags)
                       : system::open_beneath(folder, inside, kFlags);
}

/// The outermost of them that it lies in and that may be written: a container that has that may
/// have put a link in the place of what is allowed by itself as well.
const AllowedBind* writable_above(const std::vector<AllowedBind>& allowed, const path& source) {
  const AllowedBind* outermost = nullptr;
  for (const AllowedBind& one : allowed) {
    if (!one.read_only && one.source != source && lies_below(source, one.source) &&
        (outermost == nullptr || lies_below(outermost->source, one.source))) {
      outermost = &one;
    }
  }
  return outermost;
}

/// What the rule names, by links if its admin has made some there.
Result<UniqueFd> open_rule(const std::vector<AllowedBind>& allowed, const path& source) {
  if (const AllowedBind* above = writable_above(allowed, source)) {
    return open_inside(above->source, source);
  }
  UniqueFd fd(open(source.c_str(), O_PATH | O_CLOEXEC));
  return fd.valid() ? Result<UniqueFd>(std::move(fd))
                    : fail(errno == ENOENT ? Code::not_found : Code::broken, "open {}: {}",
                           source.native(), std::strerror(errno));
}

/// With their sources as they are without links; one that is not there allows nothing.
Result<std::vector<AllowedBind>> without_links(const std::vector<AllowedBind>& allowed) {
  std::vector<AllowedBind> resolved;
  for (const AllowedBind& one : allowed) {
    const Result<UniqueFd> fd = open_rule(allowed, one.source);
    if (fd) {
      resolved.push_back({TRY(path_of_source(*fd, one.source)), one.read_only});
    }
  }
  return resolved;
}

Result<UniqueFd> open_below_rule(const std::vector<AllowedBind>& allowed, const AllowedBind& rule,
                                 const path& source) {
  if (source == rule.source) {
    return open_rule(allowed, source);
  }
  if (writable_above(allowed, rule.source) == nullptr) {
    return open_inside(rule.source, source);
  }
  const UniqueFd folder = TRY(open_rule(allowed, rule.source));
  // By the descriptor: its name may lead elsewhere by now.
  return system::open_beneath(fmt::format("/proc/self/fd/{}", folder.get()),
                              source.lexically_relative(rule.source), O_PATH | O_CLOEXEC);
}

Result<bool> source_is_folder(const UniqueFd& fd) {
  struct stat found {};
  if (fstat(fd.get(), &found) != 0) {
    return fail(Code::broken, "look at a bind mount's source: {}", std::strerror(errno));
  }
  return S_ISDIR(found.st_mode);
}

Result<> make_bind_place(const path& target, bool folder) {
  if (folder) {
    return system::make_folders(target);
  }
  TRY(system::make_folders(target.parent_path()));
  const UniqueFd file(open(target.c_str(), O_CREAT | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0600));
  return file.valid() ? Result<>()
                      : fail(Code::broken, "make {}: {}", target.native(), std::strerror(errno));
}

}  // namespace

std::vector<std::pair<std::string, MountSpec>> binds_of(const ContainerSpec& spec) {
  std::vector<std::pair<std::string, MountSpec>> binds;
  for (const MountSpec& mount : spec.mounts) {
    if (mount.kind == MountSpec::Kind::bind) {
      binds.emplace_back(std::to_string(binds.size()), mount);
    }
  }
  return binds;
}

Result<> check_bind_source(const std::vector<AllowedBind>& allowed, const MountSpec& mount) {
  TRY(check_rules(allowed, without_last_slash(mount.source), mount));
  return {};
}

Result<UniqueFd> open_bind_source(const std::vector<AllowedBind>& allowed, const MountSpec& mount) {
  const path source = without_last_slash(mount.source);
  const AllowedBind* const rule = TRY(check_rules(allowed, source, mount));
  UniqueFd fd = TRY(open_below_rule(allowed, *rule, source).context("mounts"));
  const path found = TRY(path_of_source(fd, source));
  TRY(check_rules(TRY(without_links(allowed)), found, mount));
  return fd;
}

Result<> mount_bind(const UniqueFd& source, const path& target, bool read_only) {
  TRY(make_bind_place(target, TRY(source_is_folder(source))));
  if (TRY(is_mounted(target))) {
    return {};
  }
  const UniqueFd tree(static_cast<int>(syscall(SYS_open_tree, source.get(), "",
                                               OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
                                                   static_cast<unsigned>(AT_RECURSIVE) |
                                                   static_cast<unsigned>(AT_EMPTY_PATH))));
  if (!tree.valid()) {
    return fail(Code::broken, "open what is to be bound at {}: {}", target.native(),
                std::strerror(errno));
  }
  mount_attr wanted{};
  wanted.attr_set =
      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (read_only ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0);
  wanted.propagation = MS_PRIVATE;
  if (syscall(SYS_mount_setattr, tree.get(), "",
              static_cast<unsigned>(AT_EMPTY_PATH) | static_cast<unsigned>(AT_RECURSIVE), &wanted,
              sizeof wanted) != 0) {
    return fail(Code::broken, "make what is to be bound at {} nosuid and nodev: {}",
                target.native(), std::strerror(errno));
  }
  if (syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) !=
      0) {
    return fail(Code::broken, "bind at {}: {}", target.native(), std::strerror(errno));
  }
  return {};
}

Result<> unmount_bind(const path& target) {
  std::error_code absent;
  if (std::filesystem::symlink_status(target, absent).type() ==
      std::filesystem::file_type::not_found) {
    return {};  // without a look through all mounts of the node
  }
  while (TRY(is_mounted(target))) {
    // With what is mounted below it, which is the node's and stays there.
    if (::umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
      return fail(Code::broken, "unmount {}: {}", target.native(), std::strerror(errno));
    }
  }
  std::error_code error;
  // Only an empty folder, or the file that was made for it.
  std::filesystem::remove(target, error);
  if (error && error != std::errc::directory_not_empty) {
    return fail(Code::broken, "remove {}: {}", target.native(), error.message());
  }
  return {};
}

}  // namespace drover::runtimes
