#include "agent/system/notify.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <ctime>

namespace drover::system {

void notify_ready() {
  sd_notify(0, "READY=1");
}
void notify_reloading() {
  // Type=notify-reload takes it only with the time, which tells one reload from another.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t micros = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", micros).c_str());
}
void notify_stopping() {
  sd_notify(0, "STOPPING=1");
}
void notify_status(std::string_view status) {
  sd_notify(0, fmt::format("STATUS={}", status).c_str());
}
void notify_watchdog() {
  sd_notify(0, "WATCHDOG=1");
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  std::uint64_t micros = 0;
  if (sd_watchdog_enabled(0, &micros) <= 0) {
    return std::nullopt;
  }
  return std::chrono::microseconds(micros / 2);
}

}  // namespace drover::system
