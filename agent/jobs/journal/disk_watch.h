// DiskWatch: whether the disk has room for what is written about jobs.
//
// A job costs the journal some kilobytes until it has ended, and one that was accepted has to end.
// So a reserve is kept for the records of what runs: below it no job is taken in that would use
// more of the disk, and it is taken in again when there is space, without anybody's doing.
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/job.h"
#include "agent/jobs/journal/books.h"
#include "agent/system/clock.h"
#include "agent/system/file.h"
#include "agent/system/loop.h"

namespace drover::jobs {

/// Belongs to the loop's thread.
class DiskWatch {
 public:
  struct Options {
    std::string node;
    system::Path folder;        ///< the journal's
    std::uint64_t reserve = 0;  ///< bytes
  };

  /// All must outlive it.
  DiskWatch(system::Loop& loop, Books& books, system::Clock& clock, Options options)
      : loop_(loop), books_(books), clock_(clock), options_(std::move(options)) {}
  ~DiskWatch();
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;

  /// Reads what an earlier agent has told, looks, and goes on looking every few seconds: no file
  /// system tells of its own that it has space again.
  Result<> start();
  /// Looks now, tells what has changed, and lets those who wait for the disk try again.
  void look();

  /// `unavailable`, naming the disk and what to do, for a job that a full disk does not take. Those
  /// that give space back, only end something, or are done at once, are taken as long as they can
  /// be written down.
  Result<> admit(const JobRequest& request);
  /// As queries show it.
  json::Object view() const;

 private:
  void measure();
  Result<> tell();
  Result<> tell_one(const std::string& what, const std::string& fact);
  void turn();

  system::Loop& loop_;
  Books& books_;
  system::Clock& clock_;
  Options options_;
  std::uint64_t free_ = 0;
  std::int64_t since_ = 0;   // unix ms: full since then; 0 while there is room
  std::string why_;          // it is full
  std::int64_t told_ = 0;    // of what the journal says: full since then
  std::int64_t missed_ = 0;  // it was full since then, and nobody was told yet
  bool blind_ = false;       // the space cannot be asked for, which was logged
  system::Loop::TimerId timer_ = 0;
};

}  // namespace drover::jobs
