// ClusterWatch: what Proxmox VE's cluster makes of this node: whether it has a quorum, and whether
// it is in maintenance.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/jobs/journal/books.h"
#include "agent/system/clock.h"
#include "agent/system/loop.h"
#include "proxmox/ha.h"

namespace drover::jobs {

/// What an earlier agent has noted of a cluster that is watched no more, as Proxmox was turned off,
/// ends, and that is told: nobody else would ever end it. Loop's thread, like what follows.
Result<> forget_cluster(Books& books, const std::string& node);

/// Asks on a thread of its own, because the API takes its time. What has changed is told once, also
/// over agents' ends. What cannot be asked stays as it was last; what we may not know counts as
/// nothing out of the ordinary.
class ClusterWatch {
 public:
  struct Options {
    std::string node;          ///< as Drover calls it
    std::string proxmox_node;  ///< as Proxmox does
  };

  /// All must outlive it.
  ClusterWatch(system::Loop& loop, Books& books, system::Clock& clock, proxmox::Ha& ha,
               Options options);
  /// Call Books::close before, or this waits for a loop that no longer turns.
  ~ClusterWatch();
  ClusterWatch(const ClusterWatch&) = delete;
  ClusterWatch& operator=(const ClusterWatch&) = delete;

  /// Reads what an earlier agent has told, looks, and goes on looking every few seconds. Loop's
  /// thread, as everything but `look`.
  Result<> start();
  /// Called, on the loop's thread, once a change is on the disk.
  void at_change(std::function<void()> changed) { changed_ = std::move(changed); }
  /// Whether it is known that there is no quorum.
  bool lacks_quorum() const { return seen_.no_quorum_since != 0; }
  /// As queries show it.
  json::Object view() const;

  /// Any other thread: asks now, and says whether it lacks a quorum, by what is known then.
  bool look(const system::Stop& stop);

 private:
  struct Seen {
    std::optional<bool> quorate;
    std::int64_t no_quorum_since = 0;  ///< unix ms; 0: there is one, or nobody knows
    std::string ha_state;
    std::int64_t maintenance_since = 0;
    std::string blind;  ///< why what is seen is not what is now; "" when it is
  };

  void work();
  void wake();
  Result<> note(std::uint64_t question, const Result<proxmox::HaNode>& answer);
  /// What was known before an answer.
  Result<Seen> known() const;
  Seen after(const Result<proxmox::HaNode>& answer, Seen known) const;
  Result<> note_quorum(Seen& next);
  Result<> note_maintenance(Seen& next);
  Result<> tell(const std::string& what, const std::string& message);
  void take_over(const Seen& next);
  void look_in(system::Duration pause);

  system::Loop& loop_;
  Books& books_;
  system::Clock& clock_;
  proxmox::Ha& ha_;
  Options options_;
  std::function<void()> changed_ = [] {};
  Seen seen_;                            // the loop's, as all from here to the next blank line
  std::uint64_t noted_ = 0;              // the newest question whose answer was noted
  system::Loop::TimerId next_look_ = 0;  // 0: none is planned

  std::atomic<std::uint64_t> questions_{0};
  system::Stop stop_;
  std::mutex mutex_;
  std::condition_variable wanted_changed_;
  bool wanted_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace drover::jobs
