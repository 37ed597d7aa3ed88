// FakeRuntime: a runtime that keeps its containers in memory.
#pragma once

#include <poll.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "runtimes/runtime.h"

namespace drover::fakes {

/// Follows runtime.h: live state first, the same errors. Thread-safe.
class FakeRuntime : public runtimes::Runtime {
 public:
  using Stop = system::Stop;

  /// Before it is used.
  void set_capabilities(runtimes::Capabilities capabilities) { capabilities_ = capabilities; }
  /// The next call of this verb ("create", "start", ...) fails with this.
  void fail_next(const std::string& verb, Error error) {
    const std::lock_guard lock(mutex_);
    failures_.insert_or_assign(verb, std::move(error));
  }
  /// What programs that exec runs end with from now on.
  void set_exec_code(int code) { exec_code_ = code; }
  enum class Hold { before_deed, after_deed };
  /// The next call of this verb waits there until it is asked to stop, and is then cancelled: a
  /// place where an agent may end.
  void hold_next(const std::string& verb, Hold where) {
    const std::lock_guard lock(mutex_);
    holds_.insert_or_assign(verb, where);
  }
  /// The next call of this verb waits there for `let_go`: a place where others go on meanwhile.
  void pause_next(const std::string& verb, Hold where) {
    const std::lock_guard lock(mutex_);
    pauses_.emplace(verb, where);
  }
  void let_go() {
    {
      const std::lock_guard lock(mutex_);
      paused_ = false;
    }
    went_on_.notify_all();
  }
  /// How many calls have come to where they are held.
  int held() const { return held_; }
  /// Programs take no notice of signals from now on, but of stop's.
  void ignore_signals() { signals_ignored_ = true; }
  /// The container's program ends by itself.
  void end(const std::string& name, int code) {
    const std::lock_guard lock(mutex_);
    states_.at(name) = stopped(code);
  }
  /// Somebody else has made it; it runs.
  void add_stranger(const std::string& name) {
    const std::lock_guard lock(mutex_);
    states_[name] = running();
  }
  /// It is there, as a job that nobody remembers has made it.
  void add(const std::string& name, const std::string& job) {
    add_stranger(name);
    const std::lock_guard lock(mutex_);
    jobs_[name] = job;
  }
  /// Nothing runs any more, and nobody knows how it ended.
  void reboot() {
    const std::lock_guard lock(mutex_);
    for (auto& [name, state] : states_) {
      if (state.status != Status::stopped && state.status != Status::created) {
        state = {Status::stopped, 0, Exit{}};
      }
    }
  }
  /// A reboot takes it away.
  void forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    states_.erase(name);
  }
  /// How often its program was started.
  int starts(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return starts_[name];
  }
  /// What it was last updated to; none for one that never was.
  std::optional<Resources> limits(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = limits_.find(name);
    return found == limits_.end() ? std::nullopt : std::optional(found->second);
  }
  bool has(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return states_.contains(name);
  }

  RuntimeKind kind() const override { return RuntimeKind::runc; }
  runtimes::Capabilities capabilities() const override { return capabilities_; }
  Result<> accepts(const ContainerSpec& spec) const override {
    if (spec.hostname == "refused") {
      return fail(Code::refused, "hostname refused");
    }
    return {};
  }
  Result<> create(const runtimes::Container& container, const Stop& stop) override {
    return perform("create", stop, [&]() -> Result<> {
      if (!states_.emplace(container.name.str(), runtimes::State{Status::created, 0, {}}).second) {
        return fail(Code::conflict, "create {}: it exists", container.name.str());
      }
      jobs_[container.name.str()] = container.job.str();
      return {};
    });
  }
  Result<> start(const runtimes::Container& container, const Stop& stop) override {
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
  Result<> kill(const runtimes::Container& container, int signal, const Stop& stop) override {
    return change("kill", container, stop, Status::running,
                  signals_ignored_ ? running() : stopped(128 + signal));
  }
  Result<Exit> stop(const runtimes::Container& container, int signal, std::chrono::milliseconds,
                    const Stop& stop) override {
    return perform("stop", stop, [&]() -> Result<Exit> {
      runtimes::State* state = TRY(find(container));
      if (state->status != Status::stopped) {
        *state = stopped(128 + signal);
      }
      return *state->exit;
    });
  }
  Result<> pause(const runtimes::Container& container, const Stop& stop) override {
    return change("pause", container, stop, Status::running, {Status::paused, kPid, {}});
  }
  Result<> resume(const runtimes::Container& container, const Stop& stop) override {
    return change("resume", container, stop, Status::paused, running());
  }
  Result<int> exec(const runtimes::Container& container, const runtimes::ExecRequest& request,
                   const runtimes::Sink& out, const runtimes::Sink& err,
                   const Stop& stop) override {
    return perform("exec", stop, [&]() -> Result<int> {
      TRY(find(container));
      out("ran " + request.command.front() + "\n");
      err("without end of line");
      return exec_code_.load();
    });
  }
  Result<> update(const runtimes::Container& container, const Resources& limits,
                  const Stop& stop) override {
    return perform("update", stop, [&]() -> Result<> {
      TRY(find(container));
      limits_.insert_or_assign(container.name.str(), limits);
      return {};
    });
  }
  Result<runtimes::State> state(const runtimes::Container& container, const Stop&) override {
    const std::lock_guard lock(mutex_);
    const runtimes::State* found = TRY(find(container));
    return *found;
  }
  Result<> remove(const runtimes::Container& container, bool force, const Stop& stop) override {
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
  Result<std::vector<runtimes::Found>> inventory(const Stop& stop) override {
    return perform("inventory", stop, [&]() -> Result<std::vector<runtimes::Found>> {
      std::vector<runtimes::Found> found;
      for (const auto& [name, state] : states_) {
        found.push_back({name, jobs_[name], state});
      }
      return found;
    });
  }

 private:
  static constexpr pid_t kPid = 4711;

  static runtimes::State running() { return {Status::running, kPid, {}}; }
  runtimes::State stopped(int code) { return {Status::stopped, 0, Exit{code, false, ++ends_}}; }

  /// Does a verb as the test has asked for it.
  template <class Deed>
  auto perform(const std::string& verb, const Stop& stop, const Deed& deed) -> decltype(deed()) {
    std::unique_lock lock(mutex_);
    pause(lock, verb, Hold::before_deed);
    if (const auto planned = failures_.extract(verb)) {
      return Failure(planned.mapped());
    }
    const auto hold = holds_.extract(verb);
    if (hold && hold.mapped() == Hold::before_deed) {
      lock.unlock();
      return wait_for(stop);
    }
    auto done = deed();
    pause(lock, verb, Hold::after_deed);
    if (hold) {
      lock.unlock();
      return wait_for(stop);
    }
    return done;
  }
  void pause(std::unique_lock<std::mutex>& lock, const std::string& verb, Hold where) {
    if (const auto planned = pauses_.find({verb, where}); planned != pauses_.end()) {
      pauses_.erase(planned);
      paused_ = true;
      ++held_;
      went_on_.wait(lock, [this] { return !paused_; });
    }
  }
  Failure wait_for(const Stop& stop) {
    ++held_;
    for (pollfd fd{stop.fd(), POLLIN, 0}; poll(&fd, 1, -1) < 0;) {
    }
    return fail(Code::cancelled, "held until asked to stop");
  }
  Result<runtimes::State*> find(const runtimes::Container& container) {
    const auto found = states_.find(container.name.str());
    if (found == states_.end()) {
      return fail(Code::not_found, "there is no container {}", container.name.str());
    }
    return &found->second;
  }
  static Result<> require(const runtimes::State& state, const std::string& verb,
                          const runtimes::Container& container, Status wanted) {
    if (state.status != wanted) {
      return fail(Code::conflict, "{} {}: it is {}", verb, container.name.str(),
                  to_string(state.status));
    }
    return {};
  }
  Result<> change(const std::string& verb, const runtimes::Container& container, const Stop& stop,
                  Status from, const runtimes::State& to) {
    return perform(verb, stop, [&]() -> Result<> {
      runtimes::State* state = TRY(find(container));
      TRY(require(*state, verb, container, from));
      *state = to;
      return {};
    });
  }

  runtimes::Capabilities capabilities_;
  std::atomic<std::int64_t> ends_ = 0;  // of any program; stands for the time
  std::atomic<int> held_ = 0;
  std::atomic<int> exec_code_ = 3;
  std::atomic<bool> signals_ignored_ = false;
  std::mutex mutex_;
  std::map<std::string, runtimes::State> states_;  // guarded by mutex_
  std::map<std::string, int> starts_;              // guarded by mutex_
  std::map<std::string, std::string> jobs_;        // stamps; guarded by mutex_
  std::map<std::string, Resources> limits_;        // guarded by mutex_
  std::map<std::string, Error> failures_;          // guarded by mutex_
  std::map<std::string, Hold> holds_;              // guarded by mutex_
  std::set<std::pair<std::string, Hold>> pauses_;  // guarded by mutex_
  bool paused_ = false;                            // guarded by mutex_
  std::condition_variable went_on_;
};

}  // namespace drover::fakes
