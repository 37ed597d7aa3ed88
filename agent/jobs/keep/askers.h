// Askers: a few threads that put questions which take their time, each at most as long as it may.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "agent/jobs/keep/ask_probe.h"
#include "agent/system/inbox.h"
#include "agent/system/loop.h"
#include "agent/system/stop.h"
#include "agent/system/worker_pool.h"

namespace drover::jobs {

/// Belongs to the loop's thread. Questions wait for a free thread in the order they came in, so
/// that slow ones delay others but never the loop.
class Askers {
 public:
  using Ticket = std::uint64_t;
  /// On one of the threads; ends soon after the stop is requested.
  using Ask = std::function<Finding(const system::Stop&)>;

  Askers(system::Loop& loop, std::size_t threads);
  /// Whoever asks now is told to stop, and waited for.
  ~Askers();
  Askers(const Askers&) = delete;
  Askers& operator=(const Askers&) = delete;

  /// Calls `done` once, later. A question that has no answer `timeout` after a thread took it has
  /// failed.
  Ticket ask(std::chrono::seconds timeout, Ask ask, std::function<void(const Finding&)> done);
  /// Its `done` is not called any more.
  void withdraw(Ticket ticket);

 private:
  struct Question {
    std::chrono::seconds timeout;
    Ask ask;
    std::function<void(const Finding&)> done;  // none: nobody wants to know any more
    std::shared_ptr<system::Stop> stop;
    system::Loop::TimerId late = 0;  // 0: no thread has it, or its time is over
    bool timed_out = false;
  };
  struct Task {
    Ticket ticket;
    Ask ask;
    std::shared_ptr<const system::Stop> stop;
  };
  struct Answer {
    Ticket ticket;
    Finding finding;
  };

  void hand_out();
  void take_answers();
  /// On one of the threads.
  void put(const Task& task);

  system::Loop& loop_;
  std::map<Ticket, Question> questions_;  // waiting or asked
  std::deque<Ticket> waiting_;
  std::size_t free_;  // threads
  Ticket next_ = 1;
  system::Inbox<Answer> answers_;
  system::WorkerPool<Task> pool_;
};

}  // namespace drover::jobs
