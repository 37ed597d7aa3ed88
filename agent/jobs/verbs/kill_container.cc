#include <algorithm>
#include <chrono>
#include <csignal>

#include "agent/jobs/journal/keeping.h"
#include "agent/jobs/target.h"
#include "agent/jobs/verbs/stop_program.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

/// Whether whoever sends it wants the container to end, and not to come back by its policy. Others
/// are for the program, as SIGHUP to read its configuration again.
bool is_meant_to_end(int signal, const Target& target) {
  return signal == SIGKILL || signal == SIGTERM || signal == stop_signal_of(target);
}

/// By then a program has ended that the signal has ended: its own grace, and for one with hardly
/// any the time that a busy node may need.
std::int64_t ends_by(const Work& work, const runtimes::Container& container) {
  constexpr std::chrono::seconds kLeast{10};
  const std::chrono::milliseconds grace = std::max(kLeast, container.spec.stop_grace);
  return work.clock().unix_ms() + grace.count();
}

Result<> expect(Work& work, const Target& target, std::int64_t until) {
  return work.write(
      [&](Books& books) { return expect_end(books.journal(), target.row.name, until); });
}

}  // namespace

Result<json::Value> kill_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  const int signal = work.request().options.signal;
  const bool ends = is_meant_to_end(signal, target);
  const Status status = target.row.status;
  work.plan(1);
  if (ends && status == Status::backoff) {
    TRY(want(work, target, Wanted::stopped));
    TRY(note(work, target, Status::stopped, target.row.exit));
    return json::Value();
  }
  Step step{.name = "runtime.kill", .subject = std::to_string(signal)};
  step.act = [&]() -> Result<json::Value> {
    // Before, because the program may end at once. It is wanted stopped only when it does: one that
    // ignores the signal runs on, and is kept running as its policy says.
    const bool expected = ends && (status == Status::running || status == Status::paused);
    if (expected) {
      TRY(expect(work, target, ends_by(work, target.container())));
    }
    const Result<> sent = target.runtime->kill(target.container(), signal, work.stop());
    if (!sent) {
      if (expected) {
        TRY(expect(work, target, 0));
      }
      return Failure(sent.error());
    }
    return json::Value();
  };
  step.find = []() -> Result<std::optional<json::Value>> {
    return fail(
        Code::broken,
        "the agent ended while it sent the signal, so whether it arrived is not known: look "
        "at the container before you send it again");
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
