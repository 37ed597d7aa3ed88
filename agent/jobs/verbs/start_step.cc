#include "agent/jobs/verbs/start_step.h"

namespace drover::jobs {
namespace {

bool was_started(const runtimes::State& now, const std::optional<Exit>& ended) {
  if (now.status == Status::stopped && ended) {
    // An end without a time is that of one whose monitor had not begun.
    return now.exit && now.exit->at_unix_ms != 0 && now.exit != ended;
  }
  return now.status == Status::running || now.status == Status::paused ||
         now.status == Status::stopping || now.status == Status::stopped;
}

}  // namespace

Step start_step(runtimes::Runtime& runtime, const runtimes::Container& container,
                std::optional<Exit> ended, const system::Stop& stop) {
  Step step{.name = "runtime.start"};
  step.act = [&]() -> Result<json::Value> {
    TRY(runtime.start(container, stop));
    return json::Value();
  };
  step.find = [&, ended]() -> Result<std::optional<json::Value>> {
    const runtimes::State now = TRY(runtime.state(container, stop));
    return was_started(now, ended) ? std::optional(json::Value()) : std::nullopt;
  };
  return step;
}

}  // namespace drover::jobs
