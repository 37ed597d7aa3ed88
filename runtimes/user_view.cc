#include "runtimes/user_view.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "agent/system/idmapped_mount.h"
#include "agent/system/user_namespace.h"
#include "runtimes/bind_sources.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

using system::UniqueFd;

/// How the owners of what is mounted are shown.
enum class Owners {
  as_they_are,  ///< its own mount has seen to that
  inside,
  inside_but_root,
};

struct Seen {
  Path place;  ///< below Layout::container
  Owners owners = Owners::inside;
  bool all_below = false;
};

/// The root is the first.
std::vector<Seen> parts_of(const Layout& layout, const Container& container) {
  const ContainerName& name = container.name;
  std::vector<Seen> parts = {{layout.rootfs(name), Owners::as_they_are},
                             {layout.names(name), Owners::inside}};
  for (const VolumeSpec& volume : container.spec.volumes) {
    parts.push_back({layout.volume_mount(name, volume.name), Owners::inside});
  }
  for (const auto& [number, mount] : binds_of(container.spec)) {
    parts.push_back({layout.bind_mount(name, number), Owners::inside_but_root, true});
  }
  return parts;
}

Result<UniqueFd> open_seen(const Path& place) {
  UniqueFd fd(open(place.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return fd.valid() ? Result<UniqueFd>(std::move(fd))
                    : fail(errno == ENOENT ? Code::not_found : Code::broken, "open {}: {}",
                           place.native(), std::strerror(errno));
}

/// A folder, or where a file is to be mounted a file.
Result<> make_seen_place(const UniqueFd& source, const Path& target) {
  struct stat facts {};
  if (fstat(source.get(), &facts) != 0) {
    return fail(Code::broken, "look at what is to be mounted at {}: {}", target.native(),
                std::strerror(errno));
  }
  if (S_ISDIR(facts.st_mode)) {
    return system::make_folders(target);
  }
  TRY(system::make_folders(target.parent_path()));
  const UniqueFd file(open(target.c_str(), O_CREAT | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0600));
  return file.valid() ? Result<>()
                      : fail(Code::broken, "make {}: {}", target.native(), std::strerror(errno));
}

class View {
 public:
  View(const Layout& layout, const Container& container)
      : layout_(layout), container_(container), top_(layout.view(container.name)) {}

  Result<> make() {
    TRY(prepare());
    for (const Seen& part : parts_of(layout_, container_)) {
      TRY(mount(part));
    }
    return {};
  }

  Result<> make_root() {
    TRY(prepare());
    return mount(parts_of(layout_, container_).front());
  }

 private:
  Result<> prepare() {
    TRY(system::make_folders(layout_.run, 0711));
    TRY(system::make_folders(layout_.views(), 0711));
    TRY(system::make_folders(top_, 0710));
    // Its own root passes by its group, and nobody else of the node: a program with set-user-ID
    // inside is none of theirs.
    if (::chown(top_.c_str(), 0, container_.users) != 0 || ::chmod(top_.c_str(), 0710) != 0) {
      return fail(Code::broken, "give {} to root of container {}: {}", top_.native(),
                  container_.name.str(), std::strerror(errno));
    }
    TRY(system::make_folders(layout_.names(container_.name), 0700));
    users_ = TRY(system::open_pinned_namespace(container_.user_namespace));
    return {};
  }

  Result<> mount(const Seen& part) {
    const Path target = seen_at(layout_, container_, part.place);
    const UniqueFd source = TRY(open_seen(part.place));
    TRY(make_seen_place(source, target));
    if (TRY(is_mounted(target))) {
      return {};
    }
    const UniqueFd tree = TRY(system::clone_mount(source, part.all_below).context(target.native()));
    if (part.owners == Owners::inside) {
      TRY(system::map_owners(tree, users_, part.all_below, part.place));
    } else if (part.owners == Owners::inside_but_root) {
      const UniqueFd users = TRY(system::make_user_namespace(
          {.inside = 1, .outside = container_.users + 1, .count = kUsersOfOne - 1}));
      TRY(system::map_owners(tree, users, part.all_below, part.place));
    }
    return system::attach_mount(tree, target);
  }

  const Layout& layout_;
  const Container& container_;
  Path top_;
  UniqueFd users_{};
};

/// Mounted below the view, the one mounted last first.
Result<std::vector<Path>> mounted_in(const Path& view) {
  const std::string table = TRY(system::read_file("/proc/self/mountinfo"));
  std::error_code error;
  const Path resolved = std::filesystem::weakly_canonical(view, error);
  const std::string top = (error ? view : resolved).native() + "/";
  std::vector<Path> found;
  for (const MountPoint& point : parse_mount_table(table)) {
    if (point.target.native().starts_with(top)) {
      found.push_back(point.target);
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

Result<> unmount_seen(const Path& mount) {
  if (::umount2(mount.c_str(), UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
    return fail(errno == EBUSY ? Code::unavailable : Code::broken, "unmount {}: {}", mount.native(),
                std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<> make_own_users(const Layout& layout, const ContainerName& name, std::uint32_t first) {
  TRY(system::make_folders(layout.run, 0711));
  TRY(system::make_folders(layout.user_namespaces(), 0700));
  const Path place = layout.user_namespace(name, first);
  if (system::open_pinned_namespace(place)) {
    return {};
  }
  const UniqueFd users =
      TRY(system::make_user_namespace({.inside = 0, .outside = first, .count = kUsersOfOne}));
  return system::pin_namespace(users, place);
}

std::uint32_t pinned_users(const Layout& layout, const ContainerName& name) {
  for (const Path& place : system::children_of(layout.user_namespaces())) {
    const std::string file = place.filename();
    const std::size_t dot = file.rfind('.');
    if (file.substr(0, dot) == name.str() && system::open_pinned_namespace(place)) {
      // As its text, that of a number by which it was made.
      return static_cast<std::uint32_t>(std::strtoul(file.c_str() + dot + 1, nullptr, 10));
    }
  }
  return 0;
}

Result<> remove_own_users(const Layout& layout, const ContainerName& name) {
  for (const Path& place : system::children_of(layout.user_namespaces())) {
    if (place.filename().native().starts_with(name.str() + ".")) {
      TRY(system::unpin_namespace(place));
    }
  }
  return {};
}

Path seen_at(const Layout& layout, const Container& container, const Path& place) {
  return container.users == 0 ? place
                              : layout.view(container.name) /
                                    place.lexically_relative(layout.container(container.name));
}

Result<> make_view(const Layout& layout, const Container& container) {
  return View(layout, container)
      .make()
      .context(fmt::format("container {} with users of its own", container.name.str()));
}

Result<> show_root(const Layout& layout, const Container& container) {
  return View(layout, container)
      .make_root()
      .context(fmt::format("container {} with users of its own", container.name.str()));
}

Result<> hide_root(const Layout& layout, const ContainerName& name) {
  return unmount_seen(layout.view(name) / layout.rootfs(name).filename());
}

Result<bool> has_view(const Layout& layout, const Container& container) {
  if (container.users == 0) {
    return true;
  }
  for (const Seen& part : parts_of(layout, container)) {
    if (!TRY(is_mounted(seen_at(layout, container, part.place)))) {
      return false;
    }
  }
  return true;
}

Result<> remove_view(const Layout& layout, const ContainerName& name) {
  const Path view = layout.view(name);
  const std::vector<Path> mounts = TRY(mounted_in(view));
  for (const Path& mount : mounts) {
    TRY(unmount_seen(mount));
  }
  return system::remove_tree(view);
}

}  // namespace drover::runtimes
