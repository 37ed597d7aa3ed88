// Opening the journal, whatever has become of its file.
#pragma once

#include <memory>
#include <string>

#include "agent/jobs/journal/journal.h"

namespace drover::jobs {

struct OpenedJournal {
  std::unique_ptr<Journal> journal;
  system::Path set_aside;  ///< what a damaged file is called now; "" when there was none to keep
  std::string why;         ///< it was damaged
};

/// Opens or makes the journal. A file that is damaged is renamed to PATH.corrupt-TIME, with its
/// log, and a new one is made: never written to again, never overwritten, for whoever wants to look
/// into it. A file of a newer version, one that is no journal and one that only cannot be read now
/// are left as they are and fail.
Result<OpenedJournal> open_or_set_aside(const system::Path& path, system::Clock& clock);

/// Leaves word that the journal was found damaged while it was used, for the next
/// `open_or_set_aside` to look at all of it: what it looks at otherwise does not find everything.
Result<> suspect(const system::Path& path, const std::string& why);

}  // namespace drover::jobs
