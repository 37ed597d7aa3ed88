#include <csignal>

#include "agent/jobs/target.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {
namespace {

int stop_signal_of(const runtimes::Container& container) {
  if (container.spec.stop_signal != 0) {
    return container.spec.stop_signal;
  }
  return signal_from(container.image.stop_signal).value_or(SIGTERM);
}

}  // namespace

Result<json::Value> stop_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  const runtimes::Container& container = target.container();
  const std::chrono::seconds grace = work.request().options.grace_s
                                         ? std::chrono::seconds(*work.request().options.grace_s)
                                         : container.spec.stop_grace;
  if (target.row.status == Status::running || target.row.status == Status::paused) {
    TRY(note(work, target, Status::stopping));
  }
  work.plan(1);
  Exit exit;
  const Result<json::Value> stopped = work.step("runtime.stop", "", [&]() -> Result<json::Value> {
    exit = TRY(target.runtime->stop(container, stop_signal_of(container), grace, work.stop()));
    return to_json(exit);
  });
  if (!stopped) {
    // It may run on; the next look at it says.
    if (const auto state = target.runtime->state(container, work.agent_stop())) {
      TRY(note(work, target, state->status, state->exit));
    }
    return stopped;
  }
  TRY(note(work, target, Status::stopped, exit));
  return json::Value(json::Object{{"exit", to_json(exit)}});
}

}  // namespace drover::jobs
