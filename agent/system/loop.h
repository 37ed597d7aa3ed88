// Loop: one thread that waits for descriptors and timers, and calls what belongs to them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "agent/system/clock.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

/// Level-triggered epoll. All calls belong to the thread that runs it; other threads reach it
/// through an Inbox whose descriptor it watches.
class Loop {
 public:
  using TimerId = std::uint64_t;

  explicit Loop(Clock& clock);

  /// Calls `ready` with the epoll events whenever `fd` has some of `events` (EPOLLIN, ...). The
  /// caller keeps `fd` open until `unwatch`. One entry a descriptor.
  void watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready);
  void unwatch(int fd);

  /// Calls `due` once, `delay` from now, unless cancelled before.
  TimerId after(Duration delay, std::function<void()> due);
  void cancel(TimerId timer);

  /// Calls `done` at the end of every turn: where work gathered in the turn is committed at once.
  void at_turn_end(std::function<void()> done) { turn_end_ = std::move(done); }

  /// Runs until `quit`. `turn` waits for the next thing, at most `longest`, and handles what is
  /// ready.
  void run();
  void turn(Duration longest);
  void quit() { running_ = false; }

  /// The epoll descriptor itself, for a loop that has to wait inside another one (libzmq's).
  int fd() const { return epoll_.get(); }
  /// Until the next timer; `longest` when there is none sooner.
  Duration until_next_timer(Duration longest) const;

 private:
  void run_timers();

  Clock& clock_;
  UniqueFd epoll_;
  struct Watched {
    std::uint32_t number;  ///< tells this watch from an earlier one of the same descriptor
    std::shared_ptr<std::function<void(std::uint32_t)>> ready;
  };
  std::unordered_map<int, Watched> watched_;
  std::uint32_t next_watch_ = 1;
  std::map<std::pair<Instant, TimerId>, std::function<void()>> timers_;
  std::unordered_map<TimerId, Instant> timer_times_;
  TimerId next_timer_ = 1;
  std::function<void()> turn_end_;
  bool running_ = false;
};

}  // namespace drover::system
