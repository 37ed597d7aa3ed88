#include "agent/system/disk_space.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>

namespace drover::system {

Result<DiskSpace> disk_space(const Path& path) {
  struct statvfs found {};
  if (statvfs(path.c_str(), &found) != 0) {
    return fail(errno == ENOENT ? Code::not_found : Code::broken,
                "ask for the free space of {}: {}", path.native(), std::strerror(errno));
  }
  DiskSpace space;
  space.free = std::uint64_t{found.f_bavail} * found.f_frsize;
  space.total = std::uint64_t{found.f_blocks} * found.f_frsize;
  if (found.f_files != 0) {
    space.files = found.f_favail;
    space.most_files = found.f_files;
  }
  return space;
}

}  // namespace drover::system
