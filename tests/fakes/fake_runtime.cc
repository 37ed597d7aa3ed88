#include "fakes/fake_runtime.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace drover::fakes {

void FakeRuntime::fail_next(const std::string& verb, Error error) {
  const std::lock_guard lock(mutex_);
  failures_.insert_or_assign(verb, std::move(error));
}

void FakeRuntime::hold_next(const std::string& verb, Hold where) {
  const std::lock_guard lock(mutex_);
  holds_.insert_or_assign(verb, where);
}

void FakeRuntime::pause_next(const std::string& verb, Hold where) {
  const std::lock_guard lock(mutex_);
  pauses_.emplace(verb, where);
}

void FakeRuntime::let_go() {
  {
    const std::lock_guard lock(mutex_);
    paused_ = false;
  }
  went_on_.notify_all();
}

void FakeRuntime::set_pending(std::vector<std::string> keys) {
  const std::lock_guard lock(mutex_);
  pending_ = std::move(keys);
}

void FakeRuntime::end(const std::string& name, int code) {
  const std::lock_guard lock(mutex_);
  states_.at(name) = stopped(code);
}

void FakeRuntime::add_stranger(const std::string& name) {
  const std::lock_guard lock(mutex_);
  states_[name] = running();
}

void FakeRuntime::add(const std::string& name, const std::string& job) {
  add_stranger(name);
  const std::lock_guard lock(mutex_);
  jobs_[name] = job;
}

void FakeRuntime::reboot() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, state] : states_) {
    if (state.status != Status::stopped && state.status != Status::created) {
      state = {Status::stopped, 0, Exit{}};
    }
  }
}

void FakeRuntime::forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  states_.erase(name);
}

int FakeRuntime::log_looks(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return log_looks_[name];
}

Result<> FakeRuntime::turn_log(const runtimes::Container& container) {
  const std::lock_guard lock(mutex_);
  ++log_looks_[container.name.str()];
  return {};
}

int FakeRuntime::starts(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return starts_[name];
}

void FakeRuntime::set_limits(const std::string& name, const Resources& limits) {
  const std::lock_guard lock(mutex_);
  limits_.insert_or_assign(name, limits);
}

std::optional<Resources> FakeRuntime::limits(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = limits_.find(name);
  return found == limits_.end() ? std::nullopt : std::optional(found->second);
}

bool FakeRuntime::has(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return states_.contains(name);
}

Result<> FakeRuntime::accepts(const ContainerSpec& spec) const {
  if (spec.hostname == "refused") {
    return fail(Code::refused, "hostname refused");
  }
  return {};
}

Result<> FakeRuntime::create(const runtimes::Container& container, const Stop& stop) {
  return perform("create", stop, [&]() -> Result<> {
    if (!states_.emplace(container.name.str(), runtimes::State{Status::created, 0, {}}).second) {
      return fail(Code::conflict, "create {}: it exists", container.name.str());
    }
    jobs_[container.name.str()] = container.job.str();
    return {};
  });
}

Result<> FakeRuntime::start(const runtimes::Container& container, const Stop& stop) {
  return perform("start", stop, [&]() -> Result<> {
    runtimes::State* state = TRY(find(container));
    if (!capabilities_.restartable || state->status != Status::stopped) {
      TRY(require(*state, "start", container, Status::created));
    }
    *state = running();
    ++starts_[container.name.str()];
    return {};
  });
}

Result<> FakeRuntime::kill(const runtimes::Container& container, int signal, const Stop& stop) {
  return change("kill", container, stop, Status::running,
                signals_ignored_ ? running() : stopped(128 + signal));
}

Result<Exit> FakeRuntime::stop(const runtimes::Container& container, int signal,
                               std::chrono::milliseconds, const Stop& stop) {
  return perform("stop", stop, [&]() -> Result<Exit> {
    runtimes::State* state = TRY(find(container));
    if (state->status == Status::created) {
      return fail(Code::conflict, "stop container {}: it is created", container.name.str());
    }
    if (state->status != Status::stopped) {
      *state = stopped(128 + signal);
    }
    return *state->exit;
  });
}

Result<> FakeRuntime::pause(const runtimes::Container& container, const Stop& stop) {
  return change("pause", container, stop, Status::running, {Status::paused, kPid, {}});
}

Result<> FakeRuntime::resume(const runtimes::Container& container, const Stop& stop) {
  return change("resume", container, stop, Status::paused, running());
}

Result<int> FakeRuntime::exec(const runtimes::Container& container,
                              const runtimes::ExecRequest& request, const runtimes::Sink& out,
                              const runtimes::Sink& err, const Stop& stop) {
  return perform("exec", stop, [&]() -> Result<int> {
    TRY(find(container));
    out("ran " + request.command.front() + "\n");
    err("without end of line");
    return exec_code_.load();
  });
}

Result<> FakeRuntime::update(const runtimes::Container& container, const Resources& limits,
                             const Stop& stop) {
  return perform("update", stop, [&]() -> Result<> {
    TRY(find(container));
    limits_.insert_or_assign(container.name.str(), limits);
    return {};
  });
}

Result<std::vector<std::string>> FakeRuntime::pending(const runtimes::Container& container,
                                                      const Stop& stop) {
  return perform("pending", stop, [&]() -> Result<std::vector<std::string>> {
    TRY(find(container));
    return pending_;
  });
}

Result<runtimes::State> FakeRuntime::state(const runtimes::Container& container, const Stop& stop) {
  return perform("state", stop, [&]() -> Result<runtimes::State> {
    const runtimes::State* found = TRY(find(container));
    return *found;
  });
}

Result<system::UniqueFd> FakeRuntime::first_process(const runtimes::Container&, const Stop&) {
  return system::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
}

Result<> FakeRuntime::remove(const runtimes::Container& container, bool force, const Stop& stop) {
  return perform("remove", stop, [&]() -> Result<> {
    const auto found = states_.find(container.name.str());
    if (found == states_.end()) {
      return {};
    }
    if (!force && found->second.status != Status::stopped) {
      TRY(require(found->second, "remove", container, Status::created));
    }
    states_.erase(found);
    jobs_.erase(container.name.str());
    return {};
  });
}

Result<std::vector<runtimes::Found>> FakeRuntime::inventory(const Stop& stop) {
  return perform("inventory", stop, [&]() -> Result<std::vector<runtimes::Found>> {
    std::vector<runtimes::Found> found;
    for (const auto& [name, state] : states_) {
      found.push_back({name, jobs_[name], state});
    }
    return found;
  });
}

void FakeRuntime::pause(std::unique_lock<std::mutex>& lock, const std::string& verb, Hold where) {
  if (const auto planned = pauses_.find({verb, where}); planned != pauses_.end()) {
    pauses_.erase(planned);
    paused_ = true;
    ++held_;
    went_on_.wait(lock, [this] { return !paused_; });
  }
}

Failure FakeRuntime::wait_for(const Stop& stop) {
  ++held_;
  for (pollfd fd{stop.fd(), POLLIN, 0}; poll(&fd, 1, -1) < 0;) {
  }
  return fail(Code::cancelled, "held until asked to stop");
}

Result<runtimes::State*> FakeRuntime::find(const runtimes::Container& container) {
  const auto found = states_.find(container.name.str());
  if (found == states_.end()) {
    return fail(Code::not_found, "there is no container {}", container.name.str());
  }
  return &found->second;
}

Result<> FakeRuntime::require(const runtimes::State& state, const std::string& verb,
                              const runtimes::Container& container, Status wanted) {
  if (state.status != wanted) {
    return fail(Code::conflict, "{} {}: it is {}", verb, container.name.str(),
                to_string(state.status));
  }
  return {};
}

}  // namespace drover::fakes
