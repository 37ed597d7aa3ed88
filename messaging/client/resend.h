// Resend: when an unanswered request is sent again.
#pragma once

#include <chrono>
#include <random>

namespace drover::messaging {

/// Waits that double from `first` up to `longest`, each replaced by a random part of itself ("full
/// jitter"), so that clients that lost the same node do not come back together.
class Resend {
 public:
  Resend(std::chrono::milliseconds first, std::chrono::milliseconds longest);

  std::chrono::milliseconds next();

 private:
  std::chrono::milliseconds interval_;
  std::chrono::milliseconds longest_;
  std::minstd_rand random_;
};

}  // namespace drover::messaging
