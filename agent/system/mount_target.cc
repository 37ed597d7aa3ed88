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

Result<> replace_file(const Path& path, std::string_view content) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return failed_at(path);
  }
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid() || fchmod(fd.get(), 0644) != 0) {
    return failed_at(path);
  }
  return write_all(fd.get(), content).context("write " + path.native());
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
