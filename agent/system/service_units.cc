#include "agent/system/service_units.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

namespace drover::system {

void forget_failed_unit(const std::string& unit) {
  if (sd_booted() <= 0) {
    return;
  }
  constexpr std::uint64_t kPatienceUs = 1'000'000;
  sd_bus* bus = nullptr;
  if (sd_bus_open_system(&bus) >= 0 && sd_bus_set_method_call_timeout(bus, kPatienceUs) >= 0) {
    // Of a unit that is not loaded it is an error, and there is nothing to do.
    sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                       "org.freedesktop.systemd1.Manager", "ResetFailedUnit", nullptr, nullptr, "s",
                       unit.c_str());
  }
  sd_bus_flush_close_unref(bus);
}

}  // namespace drover::system
