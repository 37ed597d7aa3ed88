#include "agent/jobs/supervisor.h"

#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <exception>

namespace drover::jobs {
namespace {

json::Value result_of(const Error& error) {
  json::Object object{{"code", to_string(error.code)}, {"message", error.message}};
  if (!error.faults.empty()) {
    json::Array faults;
    for (const Fault& fault : error.faults) {
      faults.emplace_back(json::Object{{"pointer", fault.pointer}, {"message", fault.message}});
    }
    object.set("faults", std::move(faults));
  }
  return json::Object{{"error", std::move(object)}};
}

}  // namespace

Result<> write_end(Books& books, const std::string& job, const std::string& target,
                   const Result<json::Value>& outcome, std::int64_t now_unix_ms) {
  JobState state = JobState::succeeded;
  json::Value result;
  if (outcome) {
    result = *outcome;
  } else {
    state = outcome.error().code == Code::cancelled ? JobState::cancelled : JobState::failed;
    result = result_of(outcome.error());
  }
  TRY(books.journal().set_job(job, state, json::write(result), now_unix_ms));
  json::Object data{{"target", target}};
  if (result.object() != nullptr) {
    for (const auto& [key, value] : *result.object()) {
      data.set(key, value);
    }
  }
  return books.tell(Event{.kind = "job",
                          .object = job,
                          .what = std::string(to_string(state)),
                          .job = job,
                          .data = std::move(data)});
}

Supervisor::Supervisor(system::Loop& loop, Books& books, system::Clock& clock, std::size_t workers,
                       Run run)
    : loop_(loop), books_(books), clock_(clock), run_(std::move(run)), lanes_(workers) {
  loop_.watch(ended_.fd(), EPOLLIN, [this](std::uint32_t) { reap(); });
  for (std::size_t i = 0; i < workers; ++i) {
    workers_.emplace_back([this] { work(); });
  }
}

Supervisor::~Supervisor() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    tasks_.clear();
  }
  books_.close();
  agent_stop_.request();
  for (auto& [job, entry] : entries_) {
    entry.stop->request();
    if (entry.deadline != 0) {
      loop_.cancel(entry.deadline);
    }
  }
  changed_.notify_all();
  for (std::thread& worker : workers_) {
    worker.join();
  }
  loop_.unwatch(ended_.fd());
}

void Supervisor::submit(JobRequest request, bool interrupted) {
  const std::string job = request.id.str();
  Entry entry{std::move(request), std::make_shared<system::Stop>()};
  entry.interrupted = interrupted;
  if (entry.request.deadline_unix_ms != 0) {
    const std::int64_t left =
        std::max<std::int64_t>(0, entry.request.deadline_unix_ms - clock_.unix_ms());
    entry.deadline =
        loop_.after(std::chrono::milliseconds(left), [this, job] { deadline_passed(job); });
  }
  lanes_.add(job, entry.request.target);
  entries_.emplace(job, std::move(entry));
  start_ready();
}

Result<> Supervisor::end_waiting(const std::string& job, Code code, const std::string& message) {
  const auto found = entries_.find(job);
  const std::string target = found->second.request.target;
  if (found->second.deadline != 0) {
    loop_.cancel(found->second.deadline);
  }
  entries_.erase(found);
  return write_end(books_, job, target, Failure(Error{code, message, {}}), clock_.unix_ms());
}

Result<> Supervisor::cancel(const std::string& job) {
  const auto found = entries_.find(job);
  if (found == entries_.end()) {
    return fail(Code::not_found, "cancel job {}: it neither waits nor runs", job);
  }
  if (lanes_.remove(job)) {
    return end_waiting(job, Code::cancelled, "cancelled before it began");
  }
  found->second.stop->request();
  return {};
}

void Supervisor::deadline_passed(const std::string& job) {
  const auto found = entries_.find(job);
  if (found == entries_.end()) {
    return;
  }
  found->second.deadline = 0;
  if (lanes_.remove(job)) {
    // A journal that cannot be written now leaves the job unfinished; the next start ends it.
    [[maybe_unused]] const Result<> ended =
        end_waiting(job, Code::timed_out, "its deadline passed before it began");
    return;
  }
  found->second.late = true;
  found->second.stop->request();
}

void Supervisor::start_ready() {
  while (std::optional<std::string> job = lanes_.next()) {
    const Entry& entry = entries_.at(*job);
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(Task{entry.request, entry.stop, entry.interrupted});
    }
    changed_.notify_one();
  }
}

void Supervisor::reap() {
  for (const std::string& job : ended_.take()) {
    const auto found = entries_.find(job);
    if (found != entries_.end()) {
      if (found->second.deadline != 0) {
        loop_.cancel(found->second.deadline);
      }
      entries_.erase(found);
    }
    lanes_.finished(job);
  }
  start_ready();
}

void Supervisor::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
    if (closing_) {
      return;
    }
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    run_one(task);
    ended_.post(task.request.id.str());
  }
}

void Supervisor::run_one(const Task& task) {
  const std::string job = task.request.id.str();
  Work work(task.request, books_, clock_, task.stop, agent_stop_, task.interrupted);
  const Result<> begun = books_.write([&](Books& books) -> Result<> {
    TRY(books.journal().set_job(job, JobState::running, "null", 0));
    return books.tell(
        Event{.kind = "job",
              .object = job,
              .what = "started",
              .job = job,
              .data = {{"verb", to_string(task.request.verb)}, {"target", task.request.target}}});
  });
  if (!begun) {
    return;  // stopping, or no journal: it stays queued for the next start
  }
  Result<json::Value> outcome = fail(Code::broken, "not run");
  try {
    outcome = run_(work);
  } catch (const std::exception& error) {
    // A bug of ours must cost this job only, not the containers' agent.
    outcome = fail(Code::broken, "job {}: unexpected failure: {}", job, error.what());
  }
  // What the loop knows of it decides between "cancelled" and "deadline": read there, not here.
  [[maybe_unused]] const Result<> written = books_.write([&](Books& books) -> Result<> {
    const auto entry = entries_.find(job);
    const bool late = entry != entries_.end() && entry->second.late;
    if (late && !outcome && outcome.error().code == Code::cancelled) {
      outcome = fail(Code::timed_out, "its deadline passed while it ran");
    }
    return write_end(books, job, task.request.target, outcome, clock_.unix_ms());
  });
}

}  // namespace drover::jobs
