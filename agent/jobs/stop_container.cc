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
  TRY(want(work, target, Wanted::stopped));
  if (target.row.status == Status::running || target.row.status == Status::paused) {
    TRY(note(work, target, Status::stopping));
  }
  work.plan(1);
  const auto act = [&]() -> Result<json::Value> {
    const Exit ended =
        TRY(target.runtime->stop(container, stop_signal_of(container), grace, work.stop()));
    return to_json(ended);
  };
  const Result<json::Value> stopped = work.once({.name = "runtime.stop", .act = act});
  if (!stopped) {
    // It may run on; the next look at it says.
    if (const auto state = target.runtime->state(container, work.agent_stop())) {
      TRY(note(work, target, state->status, state->exit));
    }
    return stopped;
  }
  const Exit exit = exit_from_json(*stopped);
  TRY(note(work, target, Status::stopped, exit));
  return json::Value(json::Object{{"exit", to_json(exit)}});
}

}  // namespace drover::jobs
