#include "agent/jobs/target.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {

Result<json::Value> kill_container(Work& work, const Node& node) {
  if (work.interrupted()) {
    return fail(Code::unavailable,
                "the agent ended while it sent the signal, so whether it arrived is not known");
  }
  const Target target = TRY(find_target(work, node));
  work.plan(1);
  return work.step(
      "runtime.kill", std::to_string(work.request().options.signal), [&]() -> Result<json::Value> {
        TRY(target.runtime->kill(target.container(), work.request().options.signal, work.stop()));
        return json::Value();
      });
}

}  // namespace drover::jobs
