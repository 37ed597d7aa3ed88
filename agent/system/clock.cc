#include "agent/system/clock.h"

#include <poll.h>

namespace drover::system {

Instant SystemClock::now() const {
  return std::chrono::steady_clock::now();
}

std::int64_t SystemClock::unix_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<> SystemClock::sleep_until(Instant until, const Stop& stop) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now());
    if (left.count() <= 0) {
      return stop.check("waiting");
    }
    pollfd waiting{stop.fd(), POLLIN, 0};
    constexpr std::int64_t kLongest = 60'000;
    const int timeout = static_cast<int>(std::min<std::int64_t>(left.count(), kLongest));
    if (poll(&waiting, 1, timeout) == 1) {
      return fail(Code::cancelled, "waiting: stopped by request");
    }
  }
}

}  // namespace drover::system
