// How much of what containers share this machine has.
#pragma once

#include <cstdint>

namespace drover::system {

struct MachineSize {
  std::int64_t cpus = 0;  ///< that are online
  std::int64_t memory_mib = 0;
};

MachineSize machine_size();

}  // namespace drover::system
