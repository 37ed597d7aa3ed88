// NodeRecord: what the journal says of the node itself and nothing on the node shows, as a file
// beside it. Only a journal that was lost is filled from it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/drain.h"
#include "agent/jobs/journal/journal.h"

namespace drover::jobs {

struct NodeRecord {
  std::optional<Drained> drained;
  std::vector<NetworkRow> networks;  ///< made, and at no job's hands
};

/// As the journal has it now. Loop's thread.
Result<NodeRecord> node_record(Journal& journal);

/// As seal_json (sealed_record.h).
std::string seal(const NodeRecord& record);
/// `broken` for a text that is not as `seal` wrote it.
Result<NodeRecord> unseal_node_record(std::string_view text);

}  // namespace drover::jobs
