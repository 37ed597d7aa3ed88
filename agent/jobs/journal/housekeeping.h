// Housekeeping: forgets what has ended long enough ago, a little at a time.
#pragma once

#include <filesystem>
#include <functional>

#include "agent/core/config.h"
#include "agent/jobs/journal/books.h"
#include "agent/system/clock.h"
#include "agent/system/loop.h"
#include "runtimes/layout.h"

namespace drover::jobs {

/// Belongs to the loop's thread, which it holds for some milliseconds a slice. Each minute it goes
/// over everything once: ended jobs with their steps and logs, kept logs of deleted containers,
/// events, counters of objects that are no more, unused pages of the journal's file.
class Housekeeping {
 public:
  /// All must outlive it.
  Housekeeping(system::Loop& loop, Books& books, system::Clock& clock, const Config& config,
               runtimes::Layout layout)
      : loop_(loop), books_(books), clock_(clock), config_(config), layout_(std::move(layout)) {}
  ~Housekeeping();
  Housekeeping(const Housekeeping&) = delete;
  Housekeeping& operator=(const Housekeeping&) = delete;

  /// Begins, and goes on until it is destroyed.
  void start();

 private:
  enum class Stage {
    jobs,
    job_logs,
    kept_logs,
    stray_logs,
    event_sizes,
    events,
    counters,
    pages,
    rest
  };

  void turn();
  /// One slice of the stage; false when it has nothing more to do.
  Result<bool> slice();
  Result<bool> sweep_job_logs();
  Result<bool> forget_kept_logs(std::int64_t now_unix_ms);
  Result<bool> sweep_stray_logs();
  Result<bool> is_stray(const std::string& name);

  system::Loop& loop_;
  Books& books_;
  system::Clock& clock_;
  const Config& config_;
  runtimes::Layout layout_;
  Stage stage_ = Stage::jobs;
  bool jobs_forgotten_ = true;  // since the logs were gone through; the agent before may have, too
  std::filesystem::directory_iterator swept_;
  bool strays_sought_ = false;  // once an agent: only one that was killed leaves some
  std::filesystem::directory_iterator sought_;
  system::Loop::TimerId timer_ = 0;
};

}  // namespace drover::jobs
