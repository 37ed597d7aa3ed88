#include "agent/jobs/target.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {

Result<json::Value> kill_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  const int signal = work.request().options.signal;
  work.plan(1);
  Step step{.name = "runtime.kill", .subject = std::to_string(signal)};
  step.act = [&]() -> Result<json::Value> {
    TRY(target.runtime->kill(target.container(), signal, work.stop()));
    return json::Value();
  };
  step.find = []() -> Result<std::optional<json::Value>> {
    return fail(Code::unavailable,
                "the agent ended while it sent the signal, so whether it arrived is not known");
  };
  const json::Value killed = TRY(work.once(step));
  // A program that ends later is seen by its monitor; a guest of Proxmox has none that tells.
  if (const auto now = target.runtime->state(target.container(), work.stop());
      now && now->status == Status::stopped) {
    TRY(note(work, target, Status::stopped, now->exit));
  }
  return killed;
}

}  // namespace drover::jobs
