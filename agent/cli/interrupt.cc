#include "agent/cli/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>

namespace drover::cli {

Interrupt::Interrupt()
    : signals_({SIGINT, SIGTERM, SIGHUP, SIGWINCH}),
      resized_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!resized_.valid()) {
    throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  // `drover logs NAME | head` ends quietly when head has seen enough.
  std::signal(SIGPIPE, SIG_DFL);
  thread_ = std::thread([this] { watch(); });
}

Interrupt::~Interrupt() {
  done_.request();
  thread_.join();
}

void Interrupt::watch() {
  for (;;) {
    std::array<pollfd, 2> waiting = {{{signals_.fd(), POLLIN, 0}, {done_.fd(), POLLIN, 0}}};
    poll(waiting.data(), waiting.size(), -1);
    if (done_.requested()) {
      return;
    }
    while (const std::optional<int> number = signals_.next()) {
      if (*number == SIGWINCH) {
        eventfd_write(resized_.get(), 1);
        continue;
      }
      int none = 0;
      signal_.compare_exchange_strong(none, *number);
      if (first_.requested()) {
        second_.request();
      }
      first_.request();
    }
  }
}

}  // namespace drover::cli
