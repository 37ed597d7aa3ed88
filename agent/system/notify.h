// What a service tells systemd (sd_notify(3)). Without systemd every call does nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace drover::system {

void notify_ready();
void notify_reloading();
void notify_stopping();
void notify_status(std::string_view status);
void notify_watchdog();
/// How often the watchdog wants to hear of us: half the unit's WatchdogSec=; none when it is off.
std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace drover::system
