#include "agent/jobs/supervisor.h"

#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <random>

#include "agent/jobs/retry.h"
#include "agent/system/crash_point.h"
#include "messaging/message.h"

namespace drover::jobs {
namespace {

/// A point of priority is worth this much waiting, so that no job waits for ever behind others.
constexpr std::int64_t kPriorityMs = 1000;

/// After which a deadline that could not be written is looked at again.
constexpr std::chrono::seconds kDeadlineAgain{1};

std::string lane_named(TargetKind kind, const std::string& target) {
  return fmt::format("{} {}", to_string(kind), target);
}

std::string lane_of(const JobRequest& request) {
  return lane_named(target_kind_of(request.verb), request.target);
}

/// A command inside a container may take hours, in which the container is to be stopped, killed or
/// deleted as ever.
Lanes::Kind kind_of(const JobRequest& request) {
  return request.verb == Verb::container_exec ? Lanes::Kind::passing : Lanes::Kind::holding;
}

/// Commands inside containers at once; each has a thread that mostly waits.
constexpr std::size_t kMostExecs = 32;

/// Jobs that wait for their turn of something at once, each on a thread: of more, some keep their
/// worker from others.
constexpr std::size_t kMostResting = 32;

double draw() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

/// Why a job ended that was asked to stop while it ran. What its step made of that (a program that
/// "was killed by signal 15") is no reason, but may tell of a failure of its own.
Error stopped_by(Code code, const std::string& why, const Error& step) {
  std::string message = why + " while it ran";
  if (step.code != Code::cancelled) {
    message += fmt::format(" (its last step: {})", step.message);
  }
  return Error{code, std::move(message), {}};
}

/// A bug of ours must cost this job only, not the containers' agent.
template <class Value, class Act>
Result<Value> guarded(const std::string& job, const Act& act) {
  try {
    return act();
  } catch (const std::exception& error) {
    return fail(Code::broken, "job {}: unexpected failure: {}", job, error.what());
  }
}

}  // namespace

Supervisor::Supervisor(system::Loop& loop, Books& books, system::Clock& clock, std::size_t workers,
                       Deeds deeds)
    : loop_(loop),
      books_(books),
      clock_(clock),
      deeds_(std::move(deeds)),
      lanes_(workers, kMostExecs, kMostResting),
      workers_(workers + kMostExecs + kMostResting,
               [this](const Task& task) { reports_.post(run_one(task)); }) {
  loop_.watch(reports_.fd(), EPOLLIN, [this](std::uint32_t) { take_reports(); });
}

Supervisor::~Supervisor() {
  workers_.close();
  books_.close();
  agent_stop_.request(system::Stop::Why::process_ends);
  for (auto& [job, entry] : entries_) {
    entry.next.stop->request(system::Stop::Why::process_ends);
    for (const system::Loop::TimerId timer : {entry.deadline, entry.again}) {
      if (timer != 0) {
        loop_.cancel(timer);
      }
    }
  }
  workers_.join();
  loop_.unwatch(reports_.fd());
}

void Supervisor::submit(JobRequest request, const JobRow& row) {
  const std::string job = request.id.str();
  const std::string lane = lane_of(request);
  const std::int64_t rank = row.created_at - request.priority * kPriorityMs;
  std::optional<Error> undoing;
  if (row.error != "null") {
    undoing = messaging::read_error(row.error);
  }
  // What the agent's end cut off is the same attempt still.
  const bool was_cut_off = row.state == JobState::running;
  Entry entry{Task{std::move(request), std::make_shared<system::Stop>(),
                   row.attempt + (was_cut_off ? 0 : 1), row.attempt > 0, std::move(undoing)}};
  entry.bytes = row.request.size();
  bytes_ += entry.bytes;
  if (!row.ending.empty()) {
    entry.next.stop->request();
  }
  if (entry.next.request.deadline_unix_ms != 0) {
    const std::int64_t left =
        std::max<std::int64_t>(0, entry.next.request.deadline_unix_ms - clock_.unix_ms());
    entry.deadline =
        loop_.after(std::chrono::milliseconds(left), [this, job] { deadline_passed(job); });
  }
  lanes_.add(job, lane, rank, kind_of(entry.next.request));
  const std::chrono::milliseconds left(row.not_before - clock_.unix_ms());
  if (row.not_before != 0 && row.ending.empty() && left.count() > 0 && lanes_.park(job)) {
    // The clock may have been set back since.
    const auto delay = std::min<std::chrono::milliseconds>(left, kLongestRetryDelay);
    entry.again = loop_.after(delay, [this, job] { try_again(job); });
  }
  entries_.emplace(job, std::move(entry));
  start_ready();
  // What it waits for from the first the event "accepted" tells.
  entries_.at(job).is_told = true;
}

void Supervisor::forget(const std::string& job) {
  const auto found = entries_.find(job);
  if (found == entries_.end()) {
    return;
  }
  for (const system::Loop::TimerId timer : {found->second.deadline, found->second.again}) {
    if (timer != 0) {
      loop_.cancel(timer);
    }
  }
  bytes_ -= found->second.bytes;
  entries_.erase(found);
  leave_alone(job);
}

Result<> Supervisor::end_waiting(const std::string& job, Code code, const std::string& message) {
  const std::string& target = entries_.at(job).next.request.target;
  TRY(write_end(books_, job, target, Failure(Error{code, message, {}}), clock_.unix_ms()));
  // It keeps its place until that is on the disk. A worker that gets it meanwhile finds that it
  // cannot be begun.
  books_.after_commit([this, job](const Result<>& committed) {
    if (committed) {
      withdraw(job);
    }
  });
  return {};
}

void Supervisor::ask_to_stop(Entry& entry, const std::string& job) {
  entry.next.stop->request();
  // What earlier attempts have made is to be taken back, and that not later than now.
  if (entry.again != 0) {
    loop_.cancel(entry.again);
    try_again(job);
  } else if (wait_no_more(entry, job)) {
    start_ready();
  }
}

Result<> Supervisor::cancel(const std::string& job, std::string_view by) {
  const auto found = entries_.find(job);
  if (found == entries_.end()) {
    return fail(Code::not_found, "cancel job {}: it neither waits nor runs", job);
  }
  const std::string ending = fmt::format("cancelled by job {}", by);
  if (is_untouched(found->second, job)) {
    return end_waiting(job, Code::cancelled, ending + " before it began");
  }
  TRY(books_.journal().ask_to_end(job, ending));
  books_.after_commit([this, job](const Result<>& committed) {
    const auto entry = entries_.find(job);
    if (committed && entry != entries_.end()) {
      ask_to_stop(entry->second, job);
    }
  });
  return {};
}

void Supervisor::withdraw(const std::string& job) {
  if (const auto found = entries_.find(job);
      found != entries_.end() && wait_no_more(found->second, job)) {
    reports_.post({.job = "", .what = Report::What::go_on});  // the next of its lane, next turn
  }
  if (lanes_.remove(job)) {
    forget(job);
  }
  // A worker that has it already finds that it cannot be begun.
}

bool Supervisor::hold(const std::string& container) {
  return lanes_.occupy(lane_named(TargetKind::container, container));
}

void Supervisor::let_go(const std::string& container) {
  lanes_.vacate(lane_named(TargetKind::container, container));
  start_ready();
}

void Supervisor::deadline_passed(const std::string& job) {
  const auto found = entries_.find(job);
  if (found == entries_.end()) {
    return;
  }
  Entry& entry = found->second;
  entry.deadline = 0;
  if (is_untouched(entry, job)) {
    // While the journal cannot be written it waits on, and is looked at again.
    entry.deadline = loop_.after(kDeadlineAgain, [this, job] { deadline_passed(job); });
    const std::string why = entry.awaits.empty() ? "" : ": it waited for " + entry.awaits;
    [[maybe_unused]] const Result<> ended =
        end_waiting(job, Code::timed_out, "its deadline passed before it began" + why);
    return;
  }
  entry.late = true;
  ask_to_stop(entry, job);
}

void Supervisor::start_ready() {
  while (const std::optional<std::string> job = lanes_.next_woken()) {
    entries_.at(*job).place->request();
  }
  while (std::optional<std::string> job = lanes_.next()) {
    if (!keep_waiting(*job)) {
      workers_.give(entries_.at(*job).next, lanes_.running());
    }
  }
}

void Supervisor::take_reports() {
  for (const Report& report : reports_.take()) {
    take(report);
  }
  start_ready();
}

void Supervisor::take(const Report& report) {
  switch (report.what) {
    case Report::What::rests:
      lanes_.rest(report.job);
      return;
    case Report::What::woken:
      entries_.at(report.job).place = report.place;
      lanes_.wake(report.job);
      return;
    case Report::What::look_again:
      for (auto& [job, entry] : entries_) {
        wait_no_more(entry, job);
      }
      return;
    case Report::What::go_on:
      return;
    case Report::What::again:
    case Report::What::excused:
    case Report::What::left:
      break;
  }
  if (report.what != Report::What::left && entries_.contains(report.job)) {
    park(report);
    return;
  }
  forget(report.job);
  lanes_.finished(report.job);
}

void Supervisor::park(const Report& report) {
  leave_alone(report.job);
  Entry& entry = entries_.at(report.job);
  entry.next.attempt += report.what == Report::What::again ? 1 : 0;
  entry.next.resumed = true;
  lanes_.park(report.job);
  // One that was asked to stop meanwhile has no reason to wait.
  const auto delay = entry.next.stop->requested() ? std::chrono::milliseconds(0) : report.delay;
  entry.again = loop_.after(delay, [this, job = report.job] { try_again(job); });
}

void Supervisor::await_place(const std::string& job, const system::Stop& stop) {
  const auto place = std::make_shared<system::Stop>();
  reports_.post({.job = job, .what = Report::What::woken, .place = place});
  system::await_readable(place->fd(), stop);
}

void Supervisor::try_again(const std::string& job) {
  entries_.at(job).again = 0;
  lanes_.unpark(job);
  start_ready();
}

Supervisor::Report Supervisor::run_one(const Task& task) {
  const std::string job = task.request.id.str();
  const Report ended{.job = job};
  Work work(task.request, books_, clock_,
            {.stop = task.stop,
             .agent_stop = agent_stop_,
             .turns = turns_,
             .rest = [this, &job] { reports_.post({.job = job, .what = Report::What::rests}); },
             .go_on = [this, &job](const system::Stop& stop) { await_place(job, stop); },
             .resumed = task.resumed,
             .keep_progress =
                 [this, &job](std::optional<json::Object> progress) {
                   if (const auto entry = entries_.find(job); entry != entries_.end()) {
                     entry->second.progress = std::move(progress);
                   }
                 }});
  system::crash_point("job before begin");
  const auto begin = [&](Books& books) -> Result<> {
    TRY(books.journal().begin_job(job, task.attempt));
    return books.tell(Event{.kind = "job",
                            .object = job,
                            .what = "started",
                            .job = job,
                            .data = {{"verb", to_string(task.request.verb)},
                                     {"target", task.request.target},
                                     {"attempt", task.attempt}}});
  };
  // What it makes that outlives the machine is written down with that, and with this before.
  const Result<> begun = books_.write(begin, Outlives::agent);
  if (!begun) {
    return ended;  // it was cancelled meanwhile; or the agent ends, and the next one sees to it
  }
  system::crash_point("job after begin");
  std::optional<Error> error = task.undoing;
  if (!error) {
    const auto outcome = guarded<json::Value>(job, [&] { return deeds_.run(work); });
    if (outcome) {
      end(task, outcome, work.take_unwritten());
      return ended;
    }
    if (!work.write_unwritten()) {
      return ended;
    }
    if (agent_stop_.requested()) {
      return ended;
    }
    if (is_excused(task, outcome.error())) {
      return {.job = job, .what = Report::What::excused};
    }
    if (!task.stop->requested() && is_retried(task.request, task.attempt, outcome.error())) {
      const auto delay = plan_retry(task, outcome.error());
      return delay ? Report{.job = job, .what = Report::What::again, .delay = *delay} : ended;
    }
    error = fail_for_good(task, outcome.error());
  }
  if (!error) {
    return ended;
  }
  system::crash_point("job before undo");
  const Result<> undone = guarded<void>(job, [&] { return deeds_.undo(work, *error); });
  if (agent_stop_.requested()) {
    return ended;
  }
  if (!undone) {
    error->message += "; then, while taking it back: " + undone.error().message;
  }
  end(task, Failure(*error), work.take_unwritten());
  return ended;
}

Result<std::chrono::milliseconds> Supervisor::plan_retry(const Task& task, const Error& error) {
  const std::string job = task.request.id.str();
  const std::chrono::milliseconds delay = retry_delay(task.attempt, draw());
  TRY(books_.write([&](Books& books) -> Result<> {
    const std::int64_t at = clock_.unix_ms() + delay.count();
    TRY(books.journal().retry_job(job, at));
    return books.tell(Event{.kind = "job",
                            .object = job,
                            .what = "retrying",
                            .job = job,
                            .data = {{"target", task.request.target},
                                     {"attempt", task.attempt},
                                     {"of", task.request.attempts},
                                     {"at", at},
                                     {"message", error.message}}});
  }));
  system::crash_point("job after retry");
  return delay;
}

std::optional<Error> Supervisor::fail_for_good(const Task& task, Error error) {
  const std::string job = task.request.id.str();
  const Result<> written = books_.write([&](Books& books) -> Result<> {
    // What the loop knows decides between "cancelled" and "deadline": read there, not here.
    const std::optional<JobRow> row = TRY(books.journal().job(job));
    const auto entry = entries_.find(job);
    if (row && !row->ending.empty()) {
      error = stopped_by(Code::cancelled, row->ending, error);
    } else if (entry != entries_.end() && entry->second.late) {
      error = stopped_by(Code::timed_out, "its deadline passed", error);
    }
    return books.journal().begin_undo(job, messaging::write_error(error));
  });
  return written ? std::optional(std::move(error)) : std::nullopt;
}

void Supervisor::end(const Task& task, const Result<json::Value>& outcome,
                     const Work::Change& unwritten) {
  // While the disk is full this waits. One whose agent ends stays unfinished, for the next one to
  // see to.
  [[maybe_unused]] const Result<> written = books_.write([&](Books& books) -> Result<> {
    TRY(unwritten(books));
    return write_end(books, task.request.id.str(), task.request.target, outcome, clock_.unix_ms());
  });
  system::crash_point("job after end");
}

}  // namespace drover::jobs
