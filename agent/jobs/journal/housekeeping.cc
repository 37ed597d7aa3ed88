#include "agent/jobs/journal/housekeeping.h"

#include <unistd.h>

#include <chrono>

#include "agent/system/log.h"

namespace drover::jobs {
namespace {

/// Between rounds, and between the slices of one: everybody else has the loop meanwhile.
constexpr std::chrono::seconds kRound{60};
constexpr std::chrono::milliseconds kPause{20};

// What one slice does at most: a few milliseconds' worth. A job has some ten steps.
constexpr std::int64_t kMostJobsAtOnce = 50;
constexpr std::int64_t kEvents = 500;
constexpr std::int64_t kMeasured = 2000;
constexpr std::int64_t kCounters = 500;
constexpr std::int64_t kPages = 100;
constexpr int kFolders = 100;
constexpr std::int64_t kKeptLogs = 50;

constexpr std::int64_t kMs = 1000;

}  // namespace

Housekeeping::~Housekeeping() {
  if (timer_ != 0) {
    loop_.cancel(timer_);
  }
}

void Housekeeping::start() {
  timer_ = loop_.after(kPause, [this] { turn(); });
}

void Housekeeping::turn() {
  const Result<bool> more = slice();
  if (!more) {
    system::log_warning("housekeeping: {}; it is tried again", more.error().message);
  }
  if (!more || !*more) {
    stage_ = stage_ == Stage::rest ? Stage::jobs : static_cast<Stage>(static_cast<int>(stage_) + 1);
  }
  const system::Duration pause =
      stage_ == Stage::rest ? system::Duration(kRound) : system::Duration(kPause);
  timer_ = loop_.after(pause, [this] { turn(); });
}

Result<bool> Housekeeping::slice() {
  Journal& journal = books_.journal();
  const JournalConfig& keep = config_.journal;
  const std::int64_t now = clock_.unix_ms();
  switch (stage_) {
    case Stage::jobs: {
      const std::int64_t forgotten =
          TRY(journal.forget_jobs(now - keep.dedupe_s * kMs, kMostJobsAtOnce));
      jobs_forgotten_ = jobs_forgotten_ || forgotten > 0;
      return forgotten == kMostJobsAtOnce;
    }
    case Stage::job_logs:
      return sweep_job_logs();
    case Stage::kept_logs:
      return forget_kept_logs(now);
    case Stage::stray_logs:
      return sweep_stray_logs();
    case Stage::event_sizes:
      return TRY(journal.measure_events(kMeasured)) == kMeasured;
    case Stage::events: {
      const std::int64_t before = now - keep.keep_events_s * kMs;
      const std::int64_t bytes = keep.keep_events_mib << 20;
      return TRY(journal.forget_events(before, keep.keep_events, bytes, kEvents)) == kEvents;
    }
    case Stage::counters:
      return TRY(journal.forget_counters(kCounters)) == kCounters;
    case Stage::pages:
      return journal.give_back(kPages);
    case Stage::rest:
      break;
  }
  return false;
}

Result<bool> Housekeeping::forget_kept_logs(std::int64_t now_unix_ms) {
  const LogConfig& keep = config_.log;
  const std::vector<std::string> forgotten = TRY(
      books_.journal().forget_deleted(now_unix_ms - keep.keep_deleted_s * kMs, keep.keep_deleted,
                                      keep.keep_deleted_mib << 20, kKeptLogs));
  for (const std::string& text : forgotten) {
    const JobId job = TRY(JobId::parse(text));
    // Most have one. Whoever reads it now reads on.
    ::unlink(layout_.kept_log(job).c_str());
  }
  return static_cast<std::int64_t>(forgotten.size()) == kKeptLogs;
}

Result<bool> Housekeeping::is_stray(const std::string& name) {
  const std::string job = name.substr(0, name.rfind('.'));
  // While its delete is under way the log was moved already, and what is remembered not written.
  const std::optional<JobRow> made = TRY(books_.journal().job(job));
  if (made) {
    const std::optional<ContainerRow> row = TRY(books_.journal().container(made->target));
    if (row && row->job == job) {
      return false;
    }
  }
  const std::optional<DeletedRow> kept = TRY(books_.journal().deleted_of(job));
  return !kept;
}

Result<bool> Housekeeping::sweep_stray_logs() {
  if (strays_sought_) {
    return false;
  }
  const std::filesystem::directory_iterator end;
  std::error_code error;
  if (sought_ == end) {
    sought_ = std::filesystem::directory_iterator(layout_.kept_logs(), error);
  }
  for (int i = 0; i < kFolders && !error && sought_ != end; ++i) {
    const system::Path file = sought_->path();
    sought_.increment(error);
    if (TRY(is_stray(file.filename().native()))) {
      ::unlink(file.c_str());
    }
  }
  if (error || sought_ == end) {
    sought_ = end;
    strays_sought_ = true;
  }
  return sought_ != end;
}

Result<bool> Housekeeping::sweep_job_logs() {
  if (!jobs_forgotten_) {
    return false;
  }
  const std::filesystem::directory_iterator end;
  std::error_code error;
  if (swept_ == end) {
    swept_ = std::filesystem::directory_iterator(layout_.job_logs(), error);
  }
  for (int i = 0; i < kFolders && !error && swept_ != end; ++i) {
    const system::Path folder = swept_->path();
    swept_.increment(error);
    if (!TRY(books_.journal().job(folder.filename().native()))) {
      TRY(system::remove_tree(folder));
    }
  }
  if (error || swept_ == end) {
    swept_ = end;
    jobs_forgotten_ = false;
  }
  return swept_ != end;
}

}  // namespace drover::jobs
