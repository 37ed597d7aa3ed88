#include "agent/system/stop.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace drover::system {

Stop::Stop() = default;

Stop::~Stop() {
  const UniqueFd closed(event_.load());
}

int Stop::fd() const {
  if (const int there = event_; there >= 0) {
    return there;
  }
  UniqueFd made(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!made.valid()) {
    throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  int there = -1;
  if (!event_.compare_exchange_strong(there, made.get())) {
    return there;  // another thread's
  }
  // Either we see the request here, or it sees the descriptor: both are in one order for all
  // threads.
  if (requested_) {
    eventfd_write(made.get(), 1);
  }
  return made.release();
}

void Stop::request(Why why) {
  if (why == Why::unwanted) {
    still_wanted_ = false;
  }
  requested_ = true;
  if (const int there = event_; there >= 0) {
    eventfd_write(there, 1);
  }
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
