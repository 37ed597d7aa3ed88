// Lanes: which of the waiting jobs may run now.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

namespace drover::jobs {

/// One first-in-first-out lane for each target: of two jobs for one container the later waits for
/// the earlier, and jobs for different containers run beside each other, at most `most` at once.
/// Among lanes the job that came first goes first. Belongs to one thread.
class Lanes {
 public:
  explicit Lanes(std::size_t most) : most_(most) {}

  void add(const std::string& job, const std::string& lane);
  /// The job to start now, which then counts as running; none when all that wait have to go on
  /// waiting.
  std::optional<std::string> next();
  /// A job that `next` gave has ended.
  void finished(const std::string& job);
  /// Takes a waiting job out; false when it does not wait.
  bool remove(const std::string& job);

  std::size_t waiting() const { return waiting_; }
  std::size_t running() const { return running_.size(); }

 private:
  struct Waiting {
    std::string job;
    std::size_t number;  // counts the jobs added
  };

  void offer(const std::string& lane);

  std::size_t most_;
  std::size_t added_ = 0;
  std::size_t waiting_ = 0;
  std::unordered_map<std::string, std::deque<Waiting>> lanes_;
  std::unordered_map<std::string, std::string> lane_of_;  // of jobs waiting or running
  std::unordered_map<std::string, std::string> running_;  // job -> lane
  std::set<std::string> busy_;                            // lanes with a running job
  std::set<std::pair<std::size_t, std::string>> ready_;   // heads of the lanes that are free
};

}  // namespace drover::jobs
