// FakeRuntime: a runtime that keeps its containers in memory.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "runtimes/runtime.h"

namespace drover::fakes {

/// Follows runtime.h: live state first, the same errors. Thread-safe.
class FakeRuntime : public runtimes::Runtime {
 public:
  using Stop = system::Stop;

  /// The next call of this verb ("create", "start", ...) fails with this.
  void fail_next(const std::string& verb, Error error) {
    const std::lock_guard lock(mutex_);
    failures_.insert_or_assign(verb, std::move(error));
  }
  /// The container's program ends by itself.
  void end(const std::string& name, int code) {
    const std::lock_guard lock(mutex_);
    states_.at(name) = {Status::stopped, 0, Exit{code, false, 1}};
  }
  /// How often its program was started.
  int starts(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return starts_[name];
  }
  bool has(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return states_.contains(name);
  }

  RuntimeKind kind() const override { return RuntimeKind::runc; }
  runtimes::Capabilities capabilities() const override { return {}; }
  Result<> accepts(const ContainerSpec& spec) const override {
    if (spec.hostname == "refused") {
      return fail(Code::refused, "hostname refused");
    }
    return {};
  }
  Result<> create(const runtimes::Container& container, const Stop&) override {
    const std::lock_guard lock(mutex_);
    TRY(planned_failure("create"));
    if (!states_.emplace(container.name.str(), runtimes::State{Status::created, 0, {}}).second) {
      return fail(Code::conflict, "create {}: it exists", container.name.str());
    }
    return {};
  }
  Result<> start(const runtimes::Container& container, const Stop& stop) override {
    TRY(change("start", container, stop, Status::created, {Status::running, 4711, {}}));
    const std::lock_guard lock(mutex_);
    ++starts_[container.name.str()];
    return {};
  }
  Result<> kill(const runtimes::Container& container, int signal, const Stop& stop) override {
    return change("kill", container, stop, Status::running,
                  {Status::stopped, 0, Exit{128 + signal, false, 1}});
  }
  Result<Exit> stop(const runtimes::Container& container, int signal, std::chrono::milliseconds,
                    const Stop&) override {
    const std::lock_guard lock(mutex_);
    TRY(planned_failure("stop"));
    runtimes::State* state = TRY(find(container));
    if (state->status != Status::stopped) {
      *state = {Status::stopped, 0, Exit{128 + signal, false, 1}};
    }
    return *state->exit;
  }
  Result<> pause(const runtimes::Container& container, const Stop& stop) override {
    return change("pause", container, stop, Status::running, {Status::paused, 4711, {}});
  }
  Result<> resume(const runtimes::Container& container, const Stop& stop) override {
    return change("resume", container, stop, Status::paused, {Status::running, 4711, {}});
  }
  Result<int> exec(const runtimes::Container& container, const runtimes::ExecRequest& request,
                   const runtimes::Sink& out, const runtimes::Sink& err, const Stop&) override {
    const std::lock_guard lock(mutex_);
    TRY(planned_failure("exec"));
    TRY(find(container));
    out("ran " + request.command.front() + "\n");
    err("without end of line");
    return 3;
  }
  Result<runtimes::State> state(const runtimes::Container& container, const Stop&) override {
    const std::lock_guard lock(mutex_);
    const runtimes::State* found = TRY(find(container));
    return *found;
  }
  Result<> remove(const runtimes::Container& container, bool force, const Stop&) override {
    const std::lock_guard lock(mutex_);
    TRY(planned_failure("remove"));
    const auto found = states_.find(container.name.str());
    if (found == states_.end()) {
      return {};
    }
    if (!force && found->second.status != Status::stopped &&
        found->second.status != Status::created) {
      return fail(Code::conflict, "remove {}: it is running", container.name.str());
    }
    states_.erase(found);
    return {};
  }
  Result<std::vector<runtimes::Found>> inventory(const Stop&) override {
    const std::lock_guard lock(mutex_);
    std::vector<runtimes::Found> found;
    for (const auto& [name, state] : states_) {
      found.push_back({name, "", state});
    }
    return found;
  }

 private:
  Result<> planned_failure(const std::string& verb) {
    if (const auto planned = failures_.extract(verb)) {
      return Failure(planned.mapped());
    }
    return {};
  }
  Result<runtimes::State*> find(const runtimes::Container& container) {
    const auto found = states_.find(container.name.str());
    if (found == states_.end()) {
      return fail(Code::not_found, "there is no container {}", container.name.str());
    }
    return &found->second;
  }
  Result<> change(const std::string& verb, const runtimes::Container& container, const Stop&,
                  Status from, runtimes::State to) {
    const std::lock_guard lock(mutex_);
    TRY(planned_failure(verb));
    runtimes::State* state = TRY(find(container));
    if (state->status != from) {
      return fail(Code::conflict, "{} {}: it is {}", verb, container.name.str(),
                  to_string(state->status));
    }
    *state = std::move(to);
    return {};
  }

  std::mutex mutex_;
  std::map<std::string, runtimes::State> states_;  // guarded by mutex_
  std::map<std::string, int> starts_;              // guarded by mutex_
  std::map<std::string, Error> failures_;          // guarded by mutex_
};

}  // namespace drover::fakes
