// WorkerPool: a bounded number of threads that work off tasks in the order they were given.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "agent/system/log.h"

namespace drover::system {

/// A thread comes when it is first needed and stays: what its stack has grown to, nobody gives
/// back. Tasks that no thread has taken yet wait in memory: whoever gives them bounds how many. Its
/// owner closes and joins it before anything goes that the work touches.
template <class Task>
class WorkerPool {
 public:
  /// `work` is called on any of at most `most` threads, for several tasks at once, and does not
  /// throw.
  WorkerPool(std::size_t most, std::function<void(const Task&)> work)
      : work_(std::move(work)), most_(most) {
    threads_.emplace_back([this] { run(); });  // where there is none, it is known at once
  }
  ~WorkerPool() {
    close();
    join();
  }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// On any thread; never waits for the work. After `close` it does nothing. Of those given
  /// `unfinished`, this one included, are all that its owner does not know to be done: with as many
  /// threads there no further comes, though none may be free for another moment.
  void give(Task task, std::size_t unfinished = std::numeric_limits<std::size_t>::max()) {
    {
      const std::lock_guard lock(mutex_);
      if (closing_) {
        return;
      }
      tasks_.push_back(std::move(task));
      if (threads_.size() < std::min(most_, unfinished)) {
        add_thread();
      }
    }
    changed_.notify_one();
  }

  /// Drops the tasks that wait; those that are worked on go on.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      tasks_.clear();
    }
    changed_.notify_all();
  }

  /// Waits for the tasks that are worked on, after `close`. Not on one of the threads.
  void join() {
    for (std::thread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
  }

 private:
  /// One that the kernel refuses is tried again with the next task; those there are go on.
  void add_thread() {
    try {
      threads_.emplace_back([this] { run(); });
    } catch (const std::system_error& error) {
      log_warning("one more thread: {}", error.what());
    }
  }

  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
      if (closing_) {
        return;
      }
      const Task task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      work_(task);
    }
  }

  const std::function<void(const Task&)> work_;
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;            // guarded by mutex_
  bool closing_ = false;              // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_ until it is closed
};

}  // namespace drover::system
