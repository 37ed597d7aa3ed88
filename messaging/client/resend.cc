#include "messaging/client/resend.h"

#include <algorithm>

namespace drover::messaging {

Resend::Resend(std::chrono::milliseconds first, std::chrono::milliseconds longest)
    : interval_(std::max(first, std::chrono::milliseconds(1))),
      longest_(std::max(longest, interval_)),
      random_(std::random_device{}()) {}

std::chrono::milliseconds Resend::next() {
  std::uniform_int_distribution<std::chrono::milliseconds::rep> part(1, interval_.count());
  const std::chrono::milliseconds wait(part(random_));
  interval_ = std::min(interval_ * 2, longest_);
  return wait;
}

}  // namespace drover::messaging
