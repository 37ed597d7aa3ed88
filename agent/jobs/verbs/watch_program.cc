#include "agent/jobs/verbs/watch_program.h"

#include <algorithm>

#include "agent/jobs/journal/keeping.h"

namespace drover::jobs {
namespace {

constexpr std::chrono::seconds kUntilHealthy{60};
constexpr std::chrono::seconds kUnprobed{3};
constexpr std::chrono::milliseconds kLookAgain{200};

/// Of one without probes. True once there is nothing more to see.
Result<bool> look_at_program(const Work& work, const Target& target) {
  const runtimes::State now = TRY(target.runtime->state(target.container(), work.stop()));
  if (now.status == Status::running || now.status == Status::paused) {
    return false;
  }
  const Exit exit = now.exit.value_or(Exit{});
  const bool runs_always = target.container().spec.restart.when == RestartPolicy::When::always;
  if (now.status == Status::stopped && exit.code == 0 && !exit.oom && !runs_always) {
    return true;
  }
  return fail(Code::conflict, "its program has {} soon after its start",
              now.status == Status::stopped ? "ended (" + to_text(exit) + ")"
                                            : "become " + std::string(to_string(now.status)));
}

/// Of one with probes, whose ends its observers write down, too.
Result<bool> look_at_health(Work& work, const Target& target) {
  const std::optional<ContainerRow> row = TRY(work.container(target.row.name));
  if (!row) {
    return fail(Code::not_found, "container {} is gone", target.row.name);
  }
  const Keeping keeping = TRY(keeping_of(*row));
  if (row->status != Status::running && row->status != Status::paused) {
    return fail(Code::conflict, "its program has ended ({}) before its probes have succeeded",
                to_text(row->exit.value_or(Exit{})));
  }
  if (keeping.health == Health::unhealthy) {
    return fail(Code::conflict, "a probe has failed as often as makes it unhealthy");
  }
  return keeping.health == Health::healthy;
}

}  // namespace

std::chrono::seconds usual_watch(const runtimes::Container& container) {
  return container.spec.probes.empty() ? kUnprobed : kUntilHealthy;
}

Result<> watch_program(Work& work, const Target& target, std::chrono::seconds most) {
  const bool probed = !target.container().spec.probes.empty();
  const system::Instant until = work.clock().now() + most;
  while (!TRY(probed ? look_at_health(work, target) : look_at_program(work, target))) {
    const system::Instant now = work.clock().now();
    if (now >= until) {
      return probed && most.count() > 0
                 ? fail(Code::conflict, "its probes have not succeeded within {} s", most.count())
                 : Result<>();
    }
    TRY(work.clock().sleep_until(std::min(until, now + kLookAgain), work.stop()));
  }
  return {};
}

}  // namespace drover::jobs
