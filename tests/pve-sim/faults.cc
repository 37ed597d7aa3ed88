#include "tests/pve-sim/faults.h"

#include <fmt/format.h>

#include <sstream>
#include <vector>

#include "agent/system/file.h"

namespace drover::pve_sim {

bool Faults::take(std::string_view fault, std::string_view what) {
  const std::lock_guard lock(mutex_);
  const Result<std::string> text = system::read_file(place_.faults());
  if (!text) {
    return false;
  }
  std::istringstream lines(*text);
  std::string left;
  bool taken = false;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::string begins;
    int count = 0;
    words >> name >> count >> std::ws;
    std::getline(words, begins);
    if (!taken && name == fault && count > 0 && what.starts_with(begins)) {
      taken = true;
      --count;
    }
    left += fmt::format("{} {} {}\n", name, count, begins);
  }
  if (taken) {
    (void)system::write_atomically(place_.faults(), left).has_value();
  }
  return taken;
}

std::string message_of(std::string_view fault, std::string_view id) {
  if (fault == "lock") {
    return fmt::format("can't lock file '/run/lock/lxc/pve-config-{}.lock' - got timeout", id);
  }
  if (fault == "nogroup") {
    return "lvremove: Volume group \"pve\" not found";
  }
  return fault == "nospace" ? "unable to create image: No space left on device" : "";
}

}  // namespace drover::pve_sim
