#include "runtimes/oci/wait_for.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

namespace drover::runtimes {

Result<bool> wait_for(int fd, const system::Stop& stop,
                      std::chrono::steady_clock::time_point deadline) {
  std::array<pollfd, 2> waiting{{{fd, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto bounded = std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max());
    const int ready = poll(waiting.data(), waiting.size(), static_cast<int>(bounded));
    if (ready < 0 && errno != EINTR) {
      return fail(Code::broken, "poll: {}", std::strerror(errno));
    }
    if (ready > 0 && waiting[0].revents != 0) {
      return true;
    }
    if (ready > 0) {
      TRY(stop.check("wait"));
    }
    if (ready == 0) {
      return false;
    }
  }
}

}  // namespace drover::runtimes
