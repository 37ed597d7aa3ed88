// Supervisor: runs accepted jobs on a bounded number of threads and writes how they ended.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "agent/core/job.h"
#include "agent/jobs/job_events.h"
#include "agent/jobs/journal/books.h"
#include "agent/jobs/lanes.h"
#include "agent/jobs/sole_use.h"
#include "agent/jobs/turns.h"
#include "agent/jobs/work.h"
#include "agent/system/inbox.h"
#include "agent/system/loop.h"
#include "agent/system/worker_pool.h"

namespace drover::jobs {

/// What a job waits for, as those who watch are told.
struct Waiting {
  std::string thing;
  std::size_t before = 0;  ///< how many jobs come first
};

/// Belongs to the loop's thread; its workers talk to it through inboxes only.
class Supervisor {
 public:
  struct Deeds {
    /// Does one job on a worker's thread: what it gave, or why it failed. It is run again from its
    /// top when an attempt failed as unavailable, and when an agent ended in the middle.
    std::function<Result<json::Value>(Work&)> run;
    /// Takes back what a job has made that failed for good.
    std::function<Result<>(Work&, const Error&)> undo;
    /// What the job has to wait for before it is begun, or begun again, as those who watch are
    /// told; "" for nothing, as ever for those that pass (Lanes). Asked before each attempt, and
    /// once more behind `look_again`. Loop's thread.
    std::function<std::string(const JobRequest&)> awaits = [](const JobRequest&) { return ""; };
    /// What only one job of the node may have at a time, and this one has for as long as an attempt
    /// of it runs, as those who watch are told; "" for nothing, as ever for those that pass. Asked
    /// when there is nothing else to wait for. Loop's thread.
    std::function<std::string(const JobRequest&)> has_alone = [](const JobRequest&) { return ""; };
    /// Whether an attempt has failed as unavailable only for what `awaits` tells of: it counts for
    /// none then. May take its time, on a worker's thread.
    std::function<bool(const JobRequest&, const system::Stop&)> excuses =
        [](const JobRequest&, const system::Stop&) { return false; };
  };

  Supervisor(system::Loop& loop, Books& books, system::Clock& clock, std::size_t workers,
             Deeds deeds);
  /// Asks every running job to stop and waits for the workers. Jobs that did not end stay
  /// unfinished in the journal, for the next start to see to.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Takes a job that is in the journal as `row` and has not ended.
  void submit(JobRequest request, const JobRow& row);
  /// Ends a job that was never begun as cancelled, in this turn's commit, and asks any other to
  /// stop once that is written, which it then does though the agent should end meanwhile. What
  /// cannot be committed did not happen. `by` is the job that asks for it, and part of what the
  /// cancelled one ends with. `not_found` when it neither waits nor runs.
  Result<> cancel(const std::string& job, std::string_view by);
  /// Forgets a job that came to be in no journal, without a word.
  void withdraw(const std::string& job);
  /// Keeps jobs of the container from beginning until `let_go`; false when one waits or runs.
  bool hold(const std::string& container);
  void let_go(const std::string& container);
  /// What jobs wait for (Deeds::awaits) may have come about. In the next turn.
  void look_again() { reports_.post({.job = "", .what = Report::What::look_again}); }
  /// None for a job that runs, or is not here.
  std::optional<Waiting> waits_for(const std::string& job) const;
  /// How far the step is that it does: `task`, `line` and perhaps `percent` and `mode`
  /// (proxmox::TaskProgress). None where nobody knows.
  std::optional<json::Object> progress_of(const std::string& job) const;

  std::size_t waiting() const { return lanes_.waiting(); }
  std::size_t running() const { return lanes_.running(); }
  /// Of the requests of all that wait or run, as the journal keeps them. In memory one takes about
  /// three times that.
  std::size_t bytes() const { return bytes_; }

 private:
  struct Task {
    JobRequest request;
    std::shared_ptr<system::Stop> stop;
    std::int64_t attempt;          // of this run; the first is 1
    bool resumed;                  // it was begun before, by this attempt or an earlier one
    std::optional<Error> undoing;  // it failed for this already
  };
  struct Entry {
    Task next;
    system::Loop::TimerId deadline = 0;      // 0: none
    system::Loop::TimerId again = 0;         // 0: it does not wait for its next attempt
    bool late = false;                       // the deadline asked it to stop
    std::size_t bytes = 0;                   // of its request
    std::shared_ptr<system::Stop> place{};   // of one that was woken: requested when it may go on
    std::string awaits{};                    // of one that is parked for it (Deeds)
    std::string told{};                      // what it was told to wait for
    bool is_told = false;                    // whether it is told; at first the acceptance does
    std::optional<json::Object> progress{};  // of the step that it does
  };
  /// What a worker tells of its job.
  struct Report {
    enum class What {
      left,     ///< it has ended, or the agent does
      again,    ///< its next attempt is to come after `delay`
      excused,  ///< the same attempt is to be made once more
      rests,
      woken,       ///< it goes on when `place` is requested
      look_again,  ///< of no job: all that wait for something else than a place are looked at
      go_on,       ///< of no job: another may begin
    };
    std::string job;
    What what = What::left;
    std::chrono::milliseconds delay{0};
    std::shared_ptr<system::Stop> place{};
  };

  void start_ready();
  /// Parks a job that would begin now and has to wait for something; false for any other.
  bool keep_waiting(const std::string& job);
  /// "" when it may begin.
  std::string awaited(const Entry& entry, const std::string& job);
  /// What it has alone the next may have, in the next turn.
  void leave_alone(const std::string& job);
  /// It waits for a place only; false for one that did so before.
  bool wait_no_more(Entry& entry, const std::string& job);
  /// It was never begun, and no worker has it.
  bool is_untouched(const Entry& entry, const std::string& job) const;
  void take_reports();
  void take(const Report& report);
  void park(const Report& report);
  /// Comes back when the job has a place again, or `stop` is requested. Worker's thread.
  void await_place(const std::string& job, const system::Stop& stop);
  void try_again(const std::string& job);
  void deadline_passed(const std::string& job);
  void ask_to_stop(Entry& entry, const std::string& job);
  void forget(const std::string& job);
  Report run_one(const Task& task);
  /// The error that the job ends with: `error`, or that it was asked to stop, whatever the step
  /// that was stopped made of it. Nothing when the agent ends, or the way is left open for another
  /// attempt.
  std::optional<Error> fail_for_good(const Task& task, Error error);
  bool is_excused(const Task& task, const Error& error);
  Result<std::chrono::milliseconds> plan_retry(const Task& task, const Error& error);
  /// `unwritten`: of its work, written with it.
  void end(const Task& task, const Result<json::Value>& outcome, const Work::Change& unwritten);
  Result<> end_waiting(const std::string& job, Code code, const std::string& message);

  system::Loop& loop_;
  Books& books_;
  system::Clock& clock_;
  Deeds deeds_;
  Lanes lanes_;
  Turns turns_;
  SoleUse sole_use_;
  std::unordered_map<std::string, Entry> entries_;  // of jobs waiting or running
  std::size_t bytes_ = 0;                           // of all entries
  system::Inbox<Report> reports_;
  system::Stop agent_stop_;
  system::WorkerPool<Task> workers_;
};

}  // namespace drover::jobs
