#include "agent/system/machine_size.h"

#include <unistd.h>

#include <algorithm>

namespace drover::system {

MachineSize machine_size() {
  // Neither fails on Linux: sysconf(3) reads /sys and sysinfo(2).
  const std::int64_t pages = std::max<std::int64_t>(sysconf(_SC_PHYS_PAGES), 0);
  const std::int64_t kib_of_page = sysconf(_SC_PAGESIZE) / 1024;
  return MachineSize{std::max<std::int64_t>(sysconf(_SC_NPROCESSORS_ONLN), 1),
                     pages * kib_of_page / 1024};
}

}  // namespace drover::system
