// Checkpoints of FakeRuntime: none has any content, and what counts is whether there is one.
#include "fakes/fake_runtime.h"

namespace drover::fakes {

bool FakeRuntime::has_checkpoint(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return checkpoints_.contains(name);
}

Result<> FakeRuntime::check_checkpoints(const runtimes::Container& /*container*/) const {
  return no_checkpoints_here_.empty() ? Result<>()
                                      : fail(Code::refused, "{}", no_checkpoints_here_);
}

Result<runtimes::Checkpoint> FakeRuntime::checkpoint(const runtimes::Container& container,
                                                     const runtimes::CheckpointWish& wish,
                                                     const JobId& job, const Stop& stop) {
  return perform("checkpoint", stop, [&]() -> Result<runtimes::Checkpoint> {
    runtimes::State* state = TRY(find(container));
    TRY(require(*state, "checkpoint", container, Status::running));
    const runtimes::Checkpoint made{++ends_, 4096, wish.leave_running};
    checkpoints_.insert_or_assign(container.name.str(), std::pair(job.str(), made));
    if (!wish.leave_running) {
      *state = {Status::stopped, 0,
                Exit{std::nullopt, false, made.at_unix_ms, std::string(kCheckpointed)}};
    }
    return made;
  });
}

Result<std::optional<runtimes::Checkpoint>> FakeRuntime::made_by(
    const runtimes::Container& container, const JobId& job, const Stop& /*stop*/) {
  const std::lock_guard lock(mutex_);
  const auto found = checkpoints_.find(container.name.str());
  return found != checkpoints_.end() && found->second.first == job.str()
             ? std::optional(found->second.second)
             : std::nullopt;
}

Result<> FakeRuntime::give_up(const runtimes::Container& /*container*/, const Stop& /*stop*/) {
  ++given_up_;
  return {};
}

Result<> FakeRuntime::restore(const runtimes::Container& container, const Stop& stop) {
  return perform("restore", stop, [&]() -> Result<> {
    runtimes::State* state = TRY(find(container));
    if (!checkpoints_.contains(container.name.str())) {
      return fail(Code::not_found, "restore container {}: it has no checkpoint",
                  container.name.str());
    }
    TRY(require(*state, "restore", container, Status::stopped));
    *state = running();
    return {};
  });
}

Result<bool> FakeRuntime::has_restored(const runtimes::Container& container, const Stop& /*stop*/) {
  const std::lock_guard lock(mutex_);
  const runtimes::State* state = TRY(find(container));
  return state->status == Status::running;
}

Result<> FakeRuntime::give_up_restore(const runtimes::Container& container, const Stop& /*stop*/) {
  const std::lock_guard lock(mutex_);
  ++given_up_;
  runtimes::State* state = TRY(find(container));
  *state = stopped(137);
  return {};
}

Result<> FakeRuntime::forget(const runtimes::Container& container) {
  const std::lock_guard lock(mutex_);
  checkpoints_.erase(container.name.str());
  return {};
}

}  // namespace drover::fakes
