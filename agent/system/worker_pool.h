// WorkerPool: a fixed number of threads that work off tasks in the order they were given.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace drover::system {

/// Tasks that no thread has taken yet wait in memory: whoever gives them bounds how many. Its owner
/// closes and joins it before anything goes that the work touches.
template <class Task>
class WorkerPool {
 public:
  /// `work` is called on any of the threads, for several tasks at once, and does not throw.
  WorkerPool(std::size_t threads, std::function<void(const Task&)> work) : work_(std::move(work)) {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { run(); });
    }
  }
  ~WorkerPool() {
    close();
    join();
  }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// On any thread; never waits for the work. After `close` it does nothing.
  void give(Task task) {
    {
      const std::lock_guard lock(mutex_);
      if (closing_) {
        return;
      }
      tasks_.push_back(std::move(task));
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
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;  // guarded by mutex_
  bool closing_ = false;    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace drover::system
