// The configuration's section "journal".
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/fields.h"

namespace drover {

/// Section "journal": how long what has ended is remembered.
struct JournalConfig {
  std::int64_t dedupe_s = 604'800;       ///< ended jobs, and how old a new job's id may be
  std::int64_t keep_events_s = 604'800;  ///< events by age ...
  std::int64_t keep_events = 200'000;    ///< ... by number ...
  std::int64_t keep_events_mib = 256;    ///< ... and by what they take on the disk
  std::int64_t reserve_mib = 64;         ///< of the disk, kept for the records of what runs
};

/// The section, with every fault in it and its pointer below `at`.
JournalConfig read_journal_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
