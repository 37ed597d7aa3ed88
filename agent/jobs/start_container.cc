#include "agent/jobs/start_program.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {

Result<json::Value> start_container(Work& work, const Node& node) {
  Target target = TRY(find_target(work, node));
  TRY(start_program(work, node, target, 0));
  return json::Value();
}

}  // namespace drover::jobs
