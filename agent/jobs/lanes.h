// Lanes: which of the waiting jobs may run now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>

namespace drover::jobs {

/// One first-in-first-out lane for each target: of two jobs for one container the later waits for
/// the earlier, and jobs for different containers run beside each other, at most `most` at once.
/// Belongs to one thread.
class Lanes {
 public:
  explicit Lanes(std::size_t most) : most_(most) {}

  /// Of the jobs at the heads of free lanes the one with the lowest `rank` goes first, of equal
  /// ones the one that came first. A rank that grows with the time of arrival starves nobody.
  void add(const std::string& job, const std::string& lane, std::int64_t rank = 0);
  /// The job to start now, which then counts as running; none when all that wait have to go on
  /// waiting.
  std::optional<std::string> next();
  /// A job that `next` gave has ended.
  void finished(const std::string& job);
  /// A job that `next` gave waits for its next attempt: others may run meanwhile, but none of its
  /// lane.
  void park(const std::string& job);
  /// A parked job waits for `next` again, at the head of its lane.
  void unpark(const std::string& job);
  /// Takes a waiting job out; false when it does not wait, or is parked.
  bool remove(const std::string& job);

  /// What a job waits for.
  struct Place {
    enum class For { lane, worker, attempt } what;
    std::string lane;
    std::size_t before;  ///< how many jobs come first
  };
  /// None for a job that does not wait.
  std::optional<Place> place(const std::string& job) const;

  std::size_t waiting() const { return waiting_; }
  std::size_t running() const { return running_.size(); }

 private:
  struct Waiting {
    std::string job;
    std::int64_t rank;
    std::size_t number;  // counts the jobs added
  };
  struct Running {
    std::string lane;
    Waiting as;
  };
  using Head = std::tuple<std::int64_t, std::size_t, std::string>;  // rank, number, lane

  void offer(const std::string& lane);

  std::size_t most_;
  std::size_t added_ = 0;
  std::size_t waiting_ = 0;
  std::unordered_map<std::string, std::deque<Waiting>> lanes_;
  std::unordered_map<std::string, std::string> lane_of_;  // of jobs waiting or running
  std::unordered_map<std::string, Running> running_;
  std::set<std::string> parked_;  // jobs at the heads of busy lanes
  std::set<std::string> busy_;    // lanes with a running or parked job
  std::set<Head> ready_;          // heads of the lanes that are free
};

}  // namespace drover::jobs
