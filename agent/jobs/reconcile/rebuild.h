// Rebuild: what a node has whose journal was lost is put into the new one.
#pragma once

#include <string>
#include <vector>

#include "agent/jobs/journal/books.h"
#include "agent/jobs/node.h"
#include "agent/system/clock.h"
#include "agent/system/stop.h"

namespace drover::jobs {

/// How the journal before was lost.
struct LostJournal {
  system::Path file;  ///< what it is called now; "" when it was gone
  std::string why;
  std::string
      boot_id;  ///< of now: a journal that was lost when the machine went down is no rare one
};

/// Puts back volumes that outlive containers (volume_records.h), the node's own bridges and whether
/// it was drained (node_record.h); a bridge of ours is known by its stamp too, and a node whose
/// record is damaged is taken for drained. Logs of deleted containers are kept on, under no name.
/// Reads the sealed records, asks the runtimes what they have, and writes a row for each container,
/// with the job that made it and its steps, so that it can be stopped, started and deleted. One
/// that only a runtime knows, by our stamp, gets a row too (unrecorded.h): nobody shall take it for
/// left behind while its program runs. Touches nothing of the containers themselves; a damaged
/// record is renamed. Tells "node.journal_rebuilt" when there was a journal or any of that. Those
/// that a reboot since has ended get the row of one that runs, for Reboot::note (reboot.h) to see
/// to, which comes later.
///
/// For the start of an agent, before anything else reads the journal; does nothing for a journal in
/// which something was told already.
Result<> rebuild_containers(Books& books, const Node& node, system::Clock& clock,
                            const LostJournal& lost, const system::Stop& stop);

/// The time in unix ms before which this journal knows nothing, because it was lost; 0 for never.
Result<std::int64_t> memory_begins(Journal& journal);

}  // namespace drover::jobs
