// Clock: the time, and waiting for it, behind an interface so that tests move it by hand.
#pragma once

#include <chrono>
#include <cstdint>

#include "agent/core/result.h"
#include "agent/system/stop.h"

namespace drover::system {

/// A point of the monotonic clock.
using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  /// Milliseconds since 1970 in UTC: for people and for events, never for measuring.
  virtual std::int64_t unix_ms() const = 0;
  /// Returns at `until`, or `cancelled` as soon as `stop` is requested.
  virtual Result<> sleep_until(Instant until, const Stop& stop) = 0;

  Result<> sleep_for(Duration duration, const Stop& stop) {
    return sleep_until(now() + duration, stop);
  }
};

class SystemClock : public Clock {
 public:
  Instant now() const override;
  std::int64_t unix_ms() const override;
  Result<> sleep_until(Instant until, const Stop& stop) override;
};

}  // namespace drover::system
