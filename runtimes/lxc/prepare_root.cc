#include "runtimes/lxc/prepare_root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>

#include "agent/system/mount_target.h"
#include "runtimes/oci/bundle.h"

namespace drover::lxc {
namespace {

using system::Path;
using system::UniqueFd;

bool is_below(const Path& path, const Path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

/// The folder, or file, `inside` of the root, made where it is missing, and its name on the node.
struct Folder {
  UniqueFd fd;
  Path path;
};

Result<Folder> make_folder(const Path& root, const Path& inside) {
  Path path = TRY(system::make_folders_in_root(root, inside));
  UniqueFd fd = TRY(system::open_in_root(root, inside, O_PATH | O_DIRECTORY));
  return Folder{std::move(fd), std::move(path)};
}

bool is_read_only(const json::Value& mount) {
  const json::Array* options = mount.at("options").array();
  return options != nullptr &&
         std::find(options->begin(), options->end(), json::Value("ro")) != options->end();
}

/// A mount of its own of what stands at `source`, which the kernel lets no set-user-ID program and
/// no device file of count; not attached anywhere yet.
Result<UniqueFd> clone_mount(const Path& source, bool read_only) {
  UniqueFd tree(static_cast<int>(
      syscall(SYS_open_tree, AT_FDCWD, source.c_str(),
              OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_RECURSIVE))));
  if (!tree.valid()) {
    return fail(Code::broken, "open {} to mount it: {}", source.native(), std::strerror(errno));
  }
  mount_attr wanted{};
  wanted.attr_set =
      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (read_only ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0);
  wanted.propagation = MS_PRIVATE;
  if (syscall(SYS_mount_setattr, tree.get(), "",
              static_cast<unsigned>(AT_EMPTY_PATH) | static_cast<unsigned>(AT_RECURSIVE), &wanted,
              sizeof wanted) != 0) {
    return fail(Code::broken, "make {} nosuid and nodev: {}", source.native(),
                std::strerror(errno));
  }
  return tree;
}

/// A file is there already (mount_target.h), but whoever was root inside may have put something
/// else in its place when he last ran.
Result<Folder> open_file(const Path& root, const Path& inside) {
  TRY(system::make_mount_target(root, inside));
  const Folder folder = TRY(make_folder(root, inside.parent_path()));
  const std::string name = inside.filename();
  UniqueFd fd(openat(folder.fd.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    return fail(Code::broken, "open {}: {}", (folder.path / name).native(), std::strerror(errno));
  }
  return Folder{std::move(fd), folder.path / name};
}

Result<> mount_volume(const Path& root, const json::Value& mount) {
  const Path target = mount.at("destination").string_or("");
  std::error_code error;
  const bool is_file =
      std::filesystem::is_regular_file(Path(mount.at("source").string_or("")), error);
  const Folder folder = TRY(is_file ? open_file(root, target) : make_folder(root, target));
  for (const char* kernels : {"proc", "sys"}) {
    if (is_below(folder.path, root / kernels)) {
      return fail(Code::refused, "it leads into /{} of the container", kernels);
    }
  }
  const UniqueFd tree =
      TRY(clone_mount(Path(mount.at("source").string_or("")), is_read_only(mount)));
  if (syscall(SYS_move_mount, tree.get(), "", folder.fd.get(), "",
              MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return fail(Code::broken, "mount it at {}: {}", folder.path.native(), std::strerror(errno));
  }
  return {};
}

/// liblxc finds it there later and enters it by its name. In /dev it would still put links beside.
Result<> make_working_folder(const Path& root, const Path& inside) {
  const Result<UniqueFd> there = system::open_in_root(root, inside, O_PATH | O_DIRECTORY);
  const bool missing = !there && there.error().code == Code::not_found;
  if (!there && !missing) {
    return Failure(there.error());
  }
  const Folder folder = TRY(make_folder(root, inside));
  if (missing && is_below(folder.path, root / "dev")) {
    return fail(Code::refused, "it leads into /dev of the container, where no folder is made");
  }
  return {};
}

bool is_there(const Path& root, const Path& program) {
  const Result<UniqueFd> found = system::open_in_root(root, program, O_PATH);
  return found || found.error().code != Code::not_found;
}

/// As execvp(3) will look for it. liblxc calls a container running before that, so that nobody
/// would be told.
Result<> check_program(const Path& root, const runtimes::Spec& spec) {
  const std::string program = spec.args().empty() ? "" : spec.args().front();
  bool found = false;
  if (program.find('/') != std::string::npos) {
    found = is_there(root, Path(spec.cwd()) / program);
  } else {
    constexpr std::string_view kVariable = "PATH=";
    for (const std::string& variable : spec.env()) {
      std::istringstream folders(variable.starts_with(kVariable) ? variable.substr(kVariable.size())
                                                                 : "");
      for (std::string folder; !found && std::getline(folders, folder, ':');) {
        found = is_there(root, Path(spec.cwd()) / folder / program);
      }
    }
  }
  return found ? Result<>()
               : fail(Code::invalid, "{}: no such file or directory in its root", program);
}

}  // namespace

Result<> prepare_root(const Path& root, const Path& home) {
  const runtimes::Spec spec = TRY(runtimes::read_bundle(home));
  // Free of links, as the names are that are held against it.
  const Path top = TRY(system::make_folders_in_root(root, "/"));
  const json::Array none;
  const json::Array* mounts = spec.document().at("mounts").array();
  for (const json::Value& mount : mounts == nullptr ? none : *mounts) {
    if (mount.at("type").string_or("") == "bind") {
      TRY(mount_volume(top, mount)
              .context(fmt::format("volume at {}", mount.at("destination").string_or(""))));
    }
  }
  TRY(make_working_folder(top, Path(spec.cwd()))
          .context(fmt::format("working folder {}", spec.cwd())));
  return check_program(top, spec);
}

Path prepare_error(const Path& home) {
  return home / "prepare-error";
}

}  // namespace drover::lxc
