// Turns: things that only a few may use at once, first come first served.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "agent/system/unique_fd.h"

namespace drover::jobs {

/// Something that only a few may use at once.
struct Scarce {
  std::string thing;      ///< "storage local", as those who watch are told
  std::size_t width = 1;  ///< how many
};

/// Proxmox's own locks are unfair and give up after ten seconds; whoever takes its turn here first
/// seldom waits for one. Thread-safe.
class Turns {
 public:
  /// Has the thing until it goes.
  class Turn {
   public:
    Turn() = default;
    Turn(Turns& turns, std::string thing) : turns_(&turns), thing_(std::move(thing)) {}
    Turn(Turn&& other) noexcept
        : turns_(std::exchange(other.turns_, nullptr)), thing_(std::move(other.thing_)) {}
    Turn& operator=(Turn&& other) noexcept {
      std::swap(turns_, other.turns_);
      std::swap(thing_, other.thing_);
      return *this;
    }
    ~Turn();

   private:
    Turns* turns_ = nullptr;
    std::string thing_;
  };

  struct Wait {
    std::string thing;
    std::size_t before = 0;  ///< how many wait before it
  };

  /// Waits until fewer than its width have the thing and all who came before have had it;
  /// `cancelled` on `stop`. `waits` is called, with nothing held, when it cannot be had at once.
  Result<Turn> take(const Scarce& wanted, const std::string& job, const system::Stop& stop,
                    const std::function<void(const Wait&)>& waits);
  /// What the job waits for in `take`; none when it does not.
  std::optional<Wait> waiting(const std::string& job) const;

 private:
  struct Ticket {
    std::string job;
    std::size_t width;
    system::UniqueFd called;  // an eventfd
    bool has_turn = false;    // guarded by mutex_
  };
  struct Thing {
    std::size_t in_use = 0;
    std::deque<std::shared_ptr<Ticket>> line;
  };

  void give_back(const std::string& thing);
  void leave(const std::string& thing, const std::shared_ptr<Ticket>& ticket);
  void call_next(const std::string& name, Thing& thing);

  mutable std::mutex mutex_;
  std::map<std::string, Thing> things_;  // guarded by mutex_; only those in use or waited for
};

}  // namespace drover::jobs
