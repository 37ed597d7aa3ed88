#include "agent/jobs/start_step.h"

namespace drover::jobs {

Step start_step(runtimes::Runtime& runtime, const runtimes::Container& container,
                const system::Stop& stop) {
  Step step{.name = "runtime.start"};
  step.act = [&]() -> Result<json::Value> {
    TRY(runtime.start(container, stop));
    return json::Value();
  };
  step.find = [&]() -> Result<std::optional<json::Value>> {
    const runtimes::State now = TRY(runtime.state(container, stop));
    const bool started = now.status == Status::running || now.status == Status::paused ||
                         now.status == Status::stopping || now.status == Status::stopped;
    return started ? std::optional(json::Value()) : std::nullopt;
  };
  return step;
}

}  // namespace drover::jobs
