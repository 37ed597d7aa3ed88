// Checking a journal without changing it: whether SQLite finds the file whole, and whether what it
// says fits together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "agent/system/file.h"

namespace drover::jobs {

struct JournalReport {
  system::Path path;
  std::uint64_t bytes = 0;   ///< of the file, without its log
  std::int64_t version = 0;  ///< of its tables
  std::string epoch;
  std::int64_t jobs = 0;
  std::int64_t unfinished = 0;  ///< of them
  std::int64_t containers = 0;
  std::int64_t events = 0;
  std::int64_t oldest = 0;  ///< seq of the oldest event, 0 without events
  std::int64_t head = 0;    ///< seq of the newest event there ever was
  /// What is wrong, one sentence each; empty for a sound journal.
  std::vector<std::string> faults;
};

/// Reads all of it in one transaction, so that an agent may write meanwhile. A damaged file gives a
/// report with faults; an error says that there was nothing to check: `not_found`, or it cannot be
/// read.
Result<JournalReport> check_journal(const system::Path& path);

/// Only what SQLite says of the file: "" when it is whole. An empty file is damaged: a journal that
/// was ever opened is not. `thorough` also compares each index with its table, which takes long.
Result<std::string> damage_of(const system::Path& path, bool thorough);

json::Value to_json(const JournalReport& report);

}  // namespace drover::jobs
