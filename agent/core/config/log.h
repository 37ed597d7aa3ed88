// The configuration's section "log".
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/fields.h"

namespace drover {

/// Section "log": how much is kept of what containers print.
struct LogConfig {
  std::int64_t keep_deleted_s = 86'400;  ///< 0: nothing is kept
  std::int64_t keep_deleted = 1000;      ///< containers, and ...
  std::int64_t keep_deleted_mib = 256;   ///< ... their logs together
  std::int64_t guest_mib = 16;           ///< of one guest of Proxmox, in two files
  std::int64_t max_size_mib = 10;        ///< of one file of any other container, and ...
  std::int64_t max_files = 5;            ///< ... so many of them
};

/// The section, with every fault in it and its pointer below `at`.
LogConfig read_log_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
