#include "agent/jobs/stop_program.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {

Result<json::Value> stop_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  work.plan(1);
  const Exit exit = TRY(stop_program(work, target, grace_of(work.request(), target.container())));
  return json::Value(json::Object{{"exit", to_json(exit)}});
}

}  // namespace drover::jobs
