// Reconciler: holds what this node has against its journal, and takes away what nobody knows.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/jobs/intake.h"
#include "agent/jobs/reconcile/image_keep.h"
#include "agent/jobs/reconcile/leaks.h"
#include "agent/jobs/reconcile/lease_watch.h"
#include "agent/jobs/reconcile/network_watch.h"
#include "agent/jobs/reconcile/rules_watch.h"

namespace drover::jobs {

/// Asks the node on a thread of its own, because storages and runtimes take their time. Jobs go on
/// meanwhile: a thing counts as leaked only when the journal knows it neither before the look nor
/// after it, and is taken away only while no job for its container can begin.
class Reconciler {
 public:
  /// All must outlive it. `lacks_quorum` is asked on the loop's thread: while it says so, what is
  /// leaked at Proxmox waits there.
  Reconciler(
      const Node& node, Books& books, Supervisor& supervisor, Intake& intake, system::Clock& clock,
      std::function<bool()> lacks_quorum = [] { return false; });
  /// Call Books::close before, or this waits for a loop that no longer turns.
  ~Reconciler();
  Reconciler(const Reconciler&) = delete;
  Reconciler& operator=(const Reconciler&) = delete;

  /// Any thread: looks once more, also when it is about to end a look now.
  void look();
  /// Any thread: how many looks have ended.
  std::uint64_t looks() const;

 private:
  void work();
  Result<> round();
  void free_lock();
  Sight see();
  void warn_once(const Part& part, const Result<Listing>& listed);
  Result<> collect(const Sight& sight);
  /// Whether the leak is no more.
  Result<bool> take_away(const LeakRow& row, const Known& strangers);
  Result<bool> take_away_held(const LeakRow& row, const Known& strangers);
  Result<> try_undoing_again();

  const Node& node_;
  Books& books_;
  Supervisor& supervisor_;
  Intake& intake_;
  system::Clock& clock_;
  std::function<bool()> lacks_quorum_;
  Leaks leaks_;
  std::vector<Part> parts_;
  NetworkWatch networks_;
  RulesWatch rules_;
  LeaseWatch leases_;
  ImageKeep images_;
  std::set<std::string> failing_;  // labels of parts whose failure was told; the thread's own
  system::Stop stop_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;      // guarded by mutex_
  std::uint64_t looks_ = 0;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace drover::jobs
