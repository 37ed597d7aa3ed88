// A record of each volume that outlives containers, beside the journal: one that was lost must not
// cost anybody his data. Only a new journal is filled from them.
#pragma once

#include "agent/jobs/journal/books.h"
#include "runtimes/layout.h"

namespace drover::jobs {

/// Writes it to the disk. Any thread, while the volume is held by one job.
Result<> keep_volume_record(const runtimes::Layout& layout, const VolumeRow& row);
/// Absent is success.
Result<> drop_volume_record(const runtimes::Layout& layout, const std::string& name);

/// Writes a row for each record whose volume the journal does not know. One that cannot be read is
/// logged and left as it is. Returns how many rows it was. Loop's thread.
Result<std::int64_t> rebuild_volumes(Journal& journal, const runtimes::Layout& layout);

}  // namespace drover::jobs
