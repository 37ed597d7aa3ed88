#include "agent/cli/interrupt.h"

#include <poll.h>

#include <array>
#include <csignal>

namespace drover::cli {

Interrupt::Interrupt() : signals_({SIGINT, SIGTERM, SIGHUP}) {
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
    while (signals_.next()) {
      if (first_.requested()) {
        second_.request();
      }
      first_.request();
    }
  }
}

}  // namespace drover::cli
