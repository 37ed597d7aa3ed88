// FakeClock: a clock that a test moves by hand.
#pragma once

#include <atomic>

#include "agent/system/clock.h"

namespace drover::fakes {

/// Sleeping moves it at once to the time asked for, so that code that waits runs without waiting.
/// Thread-safe.
class FakeClock : public system::Clock {
 public:
  system::Instant now() const override {
    return system::Instant(system::Duration(since_start_.load()));
  }
  std::int64_t unix_ms() const override {
    constexpr std::int64_t kStart = 1'800'000'000'000;
    return kStart +
           std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch()).count();
  }
  Result<> sleep_until(system::Instant until, const system::Stop& stop) override {
    if (until > now()) {
      since_start_.store(until.time_since_epoch().count());
    }
    return stop.check("sleep");
  }
  void advance(system::Duration by) { since_start_.fetch_add(by.count()); }

 private:
  std::atomic<system::Duration::rep> since_start_{0};
};

}  // namespace drover::fakes
