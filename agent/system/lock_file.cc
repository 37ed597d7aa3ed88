#include "agent/system/lock_file.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

namespace drover::system {

Result<UniqueFd> lock_file(const Path& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) {
    return fail(Code::broken, "open {}: {}", path.native(), std::strerror(errno));
  }
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(file.get(), F_SETLK, &whole) == 0) {
    return file;
  }
  if (errno != EAGAIN && errno != EACCES) {
    return fail(Code::broken, "lock {}: {}", path.native(), std::strerror(errno));
  }
  // Who has it may have ended meanwhile; then it is nobody's any more, and still not ours.
  const bool known = fcntl(file.get(), F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  return fail(Code::conflict, "lock {}: {} has it", path.native(),
              known ? fmt::format("process {}", whole.l_pid) : "another process");
}

}  // namespace drover::system
