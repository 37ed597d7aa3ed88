#include "agent/system/mount_target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace drover::system {
namespace {

Failure failed_at(const Path& path) {
  return fail(errno == ENOSPC ? Code::unavailable : Code::broken, "make {}: {}", path.native(),
              std::strerror(errno));
}

}  // namespace

Result<> write_in_place(const Path& path, std::string_view content) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  // What programs inside have made of it, which may be its root, ends with them.
  if (!fd.valid() || fchown(fd.get(), geteuid(), getegid()) != 0 || fchmod(fd.get(), 0644) != 0) {
    return failed_at(path);
  }
  TRY(write_all(fd.get(), content).context("write " + path.native()));
  return ftruncate(fd.get(), static_cast<off_t>(content.size())) == 0 ? Result<>()
                                                                      : failed_at(path);
}

Result<> make_mount_target(const Path& root, const Path& inside) {
  TRY(make_folders_in_root(root, inside.parent_path()));
  const UniqueFd folder = TRY(open_in_root(root, inside.parent_path(), O_PATH | O_DIRECTORY));
  const std::string name = inside.filename();
  struct stat there {};
  if (fstatat(folder.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISREG(there.st_mode)) {
      return {};
    }
    if (!S_ISLNK(there.st_mode)) {
      return fail(Code::refused, "its image has something other than a file at {}",
                  inside.native());
    }
    if (unlinkat(folder.get(), name.c_str(), 0) != 0) {
      return failed_at(inside);
    }
  } else if (errno != ENOENT) {
    return failed_at(inside);
  }
  const UniqueFd fd(openat(folder.get(), name.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  return fd.valid() && fchmod(fd.get(), 0644) == 0 ? Result<>() : failed_at(inside);
}

}  // namespace drover::system
