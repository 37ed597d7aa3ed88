// What jobs run inside a container of FakeRuntime: it prints and ends at once, and how is heard by
// whoever waits for it.
#include "fakes/fake_runtime.h"
#include "runtimes/output_log.h"

namespace drover::fakes {

std::set<std::string> FakeRuntime::sessions() {
  const std::lock_guard lock(mutex_);
  std::set<std::string> jobs;
  for (const auto& [job, code] : sessions_) {
    jobs.insert(job);
  }
  return jobs;
}

void FakeRuntime::lose_session(const std::string& job) {
  const std::lock_guard lock(mutex_);
  sessions_.at(job) = std::nullopt;
}

Result<> FakeRuntime::begin(const runtimes::Container& container, const JobId& job,
                            const runtimes::ExecRequest& request, const Stop& stop) {
  return perform("exec", stop, [&]() -> Result<> {
    TRY(require(*TRY(find(container)), "exec", container, Status::running));
    if (!sessions_.emplace(job.str(), exec_code_.load()).second) {
      return fail(Code::conflict, "job {} runs one already", job.str());
    }
    ++sessions_begun_;
    entered_[job.str()] = container.name.str();
    system::SystemClock clock;
    runtimes::OutputLog log = TRY(runtimes::OutputLog::open(layout_.job_log(job), clock));
    TRY(log.write("stdout", "ran " + request.command.front() + "\n"));
    TRY(log.write("stderr", "without end of line"));
    return log.finish();
  });
}

Result<bool> FakeRuntime::begun(const JobId& job) {
  const std::lock_guard lock(mutex_);
  return sessions_.contains(job.str());
}

Result<int> FakeRuntime::await(const JobId& job, const Stop& stop) {
  return perform("await", stop, [&]() -> Result<int> {
    const auto found = sessions_.find(job.str());
    if (found == sessions_.end()) {
      return fail(Code::not_found, "job {} runs no program", job.str());
    }
    if (!found->second) {
      return fail(Code::broken, "look what it has done before you run it again");
    }
    return *found->second;
  });
}

Result<> FakeRuntime::end(const JobId& job, std::chrono::milliseconds /*patience*/) {
  const std::lock_guard lock(mutex_);
  const auto state = states_.find(entered_[job.str()]);
  if (state != states_.end() && state->second.status == Status::paused) {
    return fail(Code::unavailable, "what job {} runs does not end", job.str());
  }
  if (const auto found = sessions_.find(job.str()); found != sessions_.end()) {
    found->second = 128 + SIGKILL;
  }
  return {};
}

Result<> FakeRuntime::forget(const JobId& job) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(job.str());
  return {};
}

void FakeRuntime::end_others(const std::function<bool(const JobId& job)>& is_wanted) {
  const std::lock_guard lock(mutex_);
  std::erase_if(sessions_, [&](const auto& session) {
    return !is_wanted(JobId::parse(session.first).value());
  });
}

}  // namespace drover::fakes
