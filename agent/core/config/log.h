// The configuration's section "log".
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/fields.h"

namespace drover {

/// Section "log": what containers printed, after they were deleted.
struct LogConfig {
  std::int64_t keep_deleted_s = 86'400;  ///< 0: nothing is kept
  std::int64_t keep_deleted = 1000;      ///< containers, and ...
  std::int64_t keep_deleted_mib = 256;   ///< ... their logs together
  std::int64_t guest_mib = 16;           ///< of one guest of Proxmox, in two files
};

/// The section, with every fault in it and its pointer below `at`.
LogConfig read_log_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
