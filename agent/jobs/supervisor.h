// Supervisor: runs accepted jobs on a bounded number of threads and writes how they ended.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "agent/core/job.h"
#include "agent/jobs/books.h"
#include "agent/jobs/lanes.h"
#include "agent/jobs/work.h"
#include "agent/system/inbox.h"
#include "agent/system/loop.h"

namespace drover::jobs {

/// Belongs to the loop's thread; its workers talk to it through inboxes only.
class Supervisor {
 public:
  /// Does one job on a worker's thread: what it gave, or why it failed. Whatever it had made when
  /// it failed it has undone.
  using Run = std::function<Result<json::Value>(Work&)>;

  Supervisor(system::Loop& loop, Books& books, system::Clock& clock, std::size_t workers, Run run);
  /// Asks every running job to stop and waits for the workers. Jobs that did not end stay
  /// unfinished in the journal, for the next start to see to.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Takes a job that is in the journal and has not ended. `interrupted`: an agent before this one
  /// had begun it.
  void submit(JobRequest request, bool interrupted = false);
  /// Ends a waiting job as cancelled, in this turn's commit, and asks a running one to stop.
  /// `not_found` when it neither waits nor runs.
  Result<> cancel(const std::string& job);

  std::size_t waiting() const { return lanes_.waiting(); }
  std::size_t running() const { return lanes_.running(); }

 private:
  struct Entry {
    JobRequest request;
    std::shared_ptr<system::Stop> stop;
    system::Loop::TimerId deadline = 0;  // 0: none
    bool late = false;                   // the deadline asked it to stop
    bool interrupted = false;
  };
  struct Task {
    JobRequest request;
    std::shared_ptr<system::Stop> stop;
    bool interrupted;
  };

  void start_ready();
  void reap();
  void deadline_passed(const std::string& job);
  void work();
  void run_one(const Task& task);
  Result<> end_waiting(const std::string& job, Code code, const std::string& message);

  system::Loop& loop_;
  Books& books_;
  system::Clock& clock_;
  Run run_;
  Lanes lanes_;
  std::unordered_map<std::string, Entry> entries_;  // of jobs waiting or running
  system::Inbox<std::string> ended_;
  system::Stop agent_stop_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;  // guarded by mutex_
  bool closing_ = false;    // guarded by mutex_
  std::vector<std::thread> workers_;
};

/// Writes the end of a job and tells it. `outcome` is what it gave or its error.
Result<> write_end(Books& books, const std::string& job, const std::string& target,
                   const Result<json::Value>& outcome, std::int64_t now_unix_ms);

}  // namespace drover::jobs
