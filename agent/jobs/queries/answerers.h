// Answerers: a few threads that answer queries which take their time, as reading many files does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>

#include "agent/core/json.h"
#include "agent/system/inbox.h"
#include "agent/system/loop.h"
#include "agent/system/stop.h"
#include "agent/system/worker_pool.h"

namespace drover::jobs {

/// Belongs to the loop's thread.
class Answerers {
 public:
  /// On one of the threads; ends soon after the stop is requested.
  using Find = std::function<Result<json::Value>(const system::Stop&)>;
  using Answer = std::function<void(const Result<json::Value>&)>;

  explicit Answerers(system::Loop& loop);
  /// Answers nobody any more, and waits for those who look.
  ~Answerers();
  Answerers(const Answerers&) = delete;
  Answerers& operator=(const Answerers&) = delete;

  /// `answer` is called once, later. `unavailable` at once while too many wait.
  Result<> ask(Find find, Answer answer);

 private:
  struct Task {
    std::uint64_t ticket = 0;
    Find find;
  };
  struct Done {
    std::uint64_t ticket = 0;
    Result<json::Value> answer;
  };

  /// On one of the threads.
  void look(const Task& task);
  void take_answers();

  system::Loop& loop_;
  std::map<std::uint64_t, Answer> waiting_;
  std::uint64_t next_ = 1;
  system::Stop stop_;
  system::Inbox<Done> done_;
  system::WorkerPool<Task> pool_;
};

}  // namespace drover::jobs
