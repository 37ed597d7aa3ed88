#include "agent/jobs/target.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {

// No runtime of this version can do it, and each says why (Capabilities::no_checkpoints). Intake
// has refused the job already, unless its container was made while it waited.
Result<json::Value> checkpoint_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  return fail(Code::refused, "{} {}: {}", to_string(work.request().verb), target.row.name,
              target.runtime->capabilities().no_checkpoints);
}

}  // namespace drover::jobs
