// Whether an ImageStore can mount roots for users of containers' own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/system/child.h"
#include "agent/system/idmapped_mount.h"
#include "agent/system/user_namespace.h"
#include "runtimes/images/image_folders.h"
#include "runtimes/images/image_store.h"

namespace drover::runtimes {
namespace {

constexpr int kTree = 3;  ///< number of its descriptor in the child
constexpr std::uint32_t kSomebody = 65536;

/// In a mount namespace that ends with the process; async-signal-safe calls only.
bool mount_overlay_of_tree() {
  return unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         syscall(SYS_move_mount, kTree, "", AT_FDCWD, "shown", MOVE_MOUNT_F_EMPTY_PATH) == 0 &&
         ::mount("try", "merged", "overlay", MS_NODEV,
                 "lowerdir=shown,upperdir=upper,workdir=work") == 0;
}

Result<> try_overlay(const Path& folder, const system::UniqueFd& users) {
  const system::UniqueFd lower(open((folder / "lower").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const system::UniqueFd tree = TRY(system::clone_mount(lower, false));
  TRY(system::map_owners(tree, users, false, folder.parent_path()));
  system::ChildOptions options;
  options.working_folder = folder;
  options.descriptors = {{tree.get(), kTree}};
  // It never comes to the program: how it ends is the answer.
  options.before_exec = []() -> bool { _exit(mount_overlay_of_tree() ? 0 : errno); };
  system::Child child = TRY(system::Child::start({"true"}, options));
  const system::Ending ended = TRY(child.wait(system::Stop()));
  return ended.code == 0
             ? Result<>()
             : fail(Code::refused, "mount an overlay of folders with other owners in {}: {}",
                    folder.parent_path().native(), std::strerror(ended.code));
}

}  // namespace

Result<> ImageStore::check_other_owners() {
  const std::lock_guard lock(owners_mutex_);
  if (has_other_owners_) {
    return {};
  }
  const Path folder = layout_.images() / beside(kUnfinished, "owners");
  const std::shared_ptr<Root> root = root_named(whole_of(folder));
  const std::lock_guard busy(root->busy);
  Result<> made;
  for (const char* name : {"lower", "shown", "upper", "work", "merged"}) {
    made = made ? system::make_folders(folder / name, 0700) : made;
  }
  const auto users =
      system::make_user_namespace({.inside = 0, .outside = kSomebody, .count = kUsersOfOne});
  Result<> tried;
  if (made && users) {
    tried = try_overlay(folder, *users);
    has_other_owners_ = tried.has_value();
  }
  [[maybe_unused]] const Result<> removed = system::remove_tree(folder);
  return tried ? Result<>()
               : fail(Code::refused,
                      "this node cannot give a container users of its own, which takes Linux 5.19 "
                      "and a file system that shows files with other owners: {}",
                      tried.error().message);
}

}  // namespace drover::runtimes
