#include "agent/system/unique_fd.h"

#include <unistd.h>

namespace drover::system {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) {
    // Not retried on EINTR: Linux has closed it by then (close(2)).
    ::close(fd_);
  }
  fd_ = fd;
}

}  // namespace drover::system
