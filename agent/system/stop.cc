#include "agent/system/stop.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace drover::system {

Stop::Stop() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.valid()) {
    throw std::system_error(errno, std::generic_category(), "eventfd");
  }
}

void Stop::request(Why why) {
  if (why == Why::unwanted) {
    still_wanted_ = false;
  }
  eventfd_write(event_.get(), 1);
}

bool Stop::requested() const {
  pollfd waiting{event_.get(), POLLIN, 0};
  return poll(&waiting, 1, 0) == 1;
}

Result<> Stop::check(std::string_view what) const {
  if (requested()) {
    return fail(Code::cancelled, "{}: stopped by request", what);
  }
  return {};
}

void await_readable(int fd, const Stop& stop) {
  std::array<pollfd, 2> fds = {{{fd, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  while (poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
}

}  // namespace drover::system
