#include "agent/jobs/verbs/start_program.h"
#include "agent/jobs/verbs/stop_program.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {

Result<json::Value> restart_container(Work& work, const Node& node) {
  Target target = TRY(find_target(work, node));
  work.plan(1 + steps_to_start(target));
  const std::optional<Exit> ended =
      TRY(stop_started_program(work, target, grace_of(work.request(), target.container())));
  TRY(start_program(work, node, target, 1));
  json::Object result;
  if (ended) {
    result.set("exit", to_json(*ended));
  }
  return json::Value(std::move(result));
}

}  // namespace drover::jobs
