// Observer: holds what the runtimes say against the journal.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/jobs/journal/books.h"
#include "agent/jobs/node.h"
#include "agent/system/stop.h"

namespace drover::jobs {

/// Asks runtimes on threads of its own, because they take their time, and notes what has changed
/// without a job: ends, and what somebody did by hand. Guests of Proxmox have a thread for
/// themselves: an API that hangs must not keep back how the others ended.
class Observer {
 public:
  /// Takes what a runtime says of a container, "none" when it does not have it; on the loop's
  /// thread.
  using Note =
      std::function<Result<>(const std::string& name, const std::optional<runtimes::State>& state)>;

  Observer(const Node& node, Books& books, Note note);
  /// Call Books::close before, or this waits for a loop that no longer turns.
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// Any thread. Asked for the same container twice before it came to it, it looks once.
  void look_at(const std::string& name);
  void look_at_all();

 private:
  /// Names that wait for one thread, each once.
  struct Queue {
    std::condition_variable changed;
    std::deque<std::string> names;  // guarded by mutex_; "" stands for all
  };
  void put(Queue& queue, const std::string& name);
  void work(Queue& queue);
  void observe(const std::string& name, const Queue& queue);
  void observe_all();

  const Node& node_;
  Books& books_;
  Note note_;
  system::Stop stop_;
  std::mutex mutex_;
  Queue queue_;
  Queue guests_;
  std::thread thread_;
  std::thread guest_thread_;
};

}  // namespace drover::jobs
