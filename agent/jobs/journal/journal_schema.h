// The journal's tables, and how a file of an older version gets them.
#pragma once

#include "agent/jobs/journal/database.h"

namespace drover::jobs {

/// Brings the open file to this program's version, step by step, in one transaction: it is there
/// whole or not at all. `refused` for a file of a newer version, which stays as it is.
Result<> migrate(Database& database);

/// The version this program writes.
std::int64_t newest_version();

}  // namespace drover::jobs
