// Lanes: which of the waiting jobs may run now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <ext/pb_ds/assoc_container.hpp>
#include <ext/pb_ds/tree_policy.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>

namespace drover::jobs {

/// One first-in-first-out lane for each target: of two jobs for one container the later waits for
/// the earlier, and jobs for different containers run beside each other, at most `most` at once.
/// A passing job waits for those before it like any other, but nobody waits for it once it runs,
/// and it takes nobody's place: of these at most `most_passing` run. Nor takes a job a place while
/// it rests, of which at most `most_resting` do. Nothing takes longer than the logarithm of what
/// waits. Belongs to one thread.
class Lanes {
 public:
  enum class Kind { holding, passing };

  explicit Lanes(std::size_t most, std::size_t most_passing = 0, std::size_t most_resting = 0)
      : most_(most), most_passing_(most_passing), most_resting_(most_resting) {}

  /// Of the jobs at the heads of free lanes the one with the lowest `rank` goes first, of equal
  /// ones the one that came first. A rank that grows with the time of arrival starves nobody.
  void add(const std::string& job, const std::string& lane, std::int64_t rank = 0,
           Kind kind = Kind::holding);
  /// The job to start now, which then counts as running; none when all that wait have to go on
  /// waiting.
  std::optional<std::string> next();
  /// A job that `next` gave has ended.
  void finished(const std::string& job);
  /// A job that `next` gave waits for something in the middle: another may run meanwhile, but none
  /// of its lane.
  void rest(const std::string& job);
  /// It waits no longer, and goes on when `next_woken` gives it.
  void wake(const std::string& job);
  /// The job to go on now; asked before `next`, because what is begun has taken things already.
  std::optional<std::string> next_woken();
  /// A job that `next` gave, or that heads a free lane, and that does not pass, waits for its next
  /// attempt: others may run meanwhile, but none of its lane. False for any other.
  bool park(const std::string& job);
  /// A parked job waits for `next` again, at the head of its lane.
  void unpark(const std::string& job);
  /// Takes a waiting job out; false when it does not wait, or is parked.
  bool remove(const std::string& job);
  /// Whether `remove` would take it out.
  bool waits(const std::string& job) const;

  /// Makes a lane busy that no job is in; false when one is.
  bool occupy(const std::string& lane);
  void vacate(const std::string& lane);

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
  /// A tree whose nodes know how many come before them (libstdc++'s policy-based containers).
  template <class Key, class Value>
  using Ordered = __gnu_pbds::tree<Key, Value, std::less<Key>, __gnu_pbds::rb_tree_tag,
                                   __gnu_pbds::tree_order_statistics_node_update>;
  /// By the number of arrival: a job that comes back has its old place.
  struct Waiting {
    std::string job;
    std::int64_t rank = 0;
    Kind kind = Kind::holding;
  };
  using Lane = Ordered<std::size_t, Waiting>;
  struct Known {
    std::string lane;
    std::size_t number;  // counts the jobs added
    std::int64_t rank;
    Kind kind;
  };
  using Head = std::tuple<std::int64_t, std::size_t, std::string>;  // rank, number, lane

  using Heads = Ordered<Head, __gnu_pbds::null_type>;

  void offer(const std::string& lane);
  /// Takes a running job out; false when it does not run.
  bool leave(const std::string& job);
  /// Takes the job at the head of a free lane from those that are ready; false for any other.
  bool hold_back(const std::string& job);
  /// Whether one more may run.
  bool has_place() const { return running_.size() - passing_ - resting_.size() < most_; }
  Heads& ready(Kind kind) { return kind == Kind::passing ? ready_passing_ : ready_; }
  const Heads& ready(Kind kind) const { return kind == Kind::passing ? ready_passing_ : ready_; }

  std::size_t most_;
  std::size_t most_passing_;
  std::size_t most_resting_;
  std::size_t passing_ = 0;  // of those that run
  std::size_t added_ = 0;
  std::size_t waiting_ = 0;
  std::unordered_map<std::string, Lane> lanes_;   // none is empty
  std::unordered_map<std::string, Known> known_;  // jobs waiting, parked or running
  std::set<std::string> running_;
  std::set<std::string> resting_;  // of those that run; woken ones until they go on
  std::set<std::string> kept_;     // of those that run: wait, and were not let rest
  std::deque<std::string> woken_;
  std::set<std::string> parked_;  // jobs at the heads of busy lanes
  std::set<std::string> busy_;    // lanes with a running or parked job that holds them, or occupied
  Heads ready_;                   // heads of the lanes that are free
  Heads ready_passing_;
};

}  // namespace drover::jobs
