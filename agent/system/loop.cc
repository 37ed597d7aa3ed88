#include "agent/system/loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace drover::system {

Loop::Loop(Clock& clock) : clock_(clock), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.valid()) {
    throw std::system_error(errno, std::generic_category(), "epoll_create1");
  }
}

void Loop::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready) {
  const std::uint32_t number = next_watch_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = std::uint64_t{number} << 32 | static_cast<std::uint32_t>(fd);
  const bool known = watched_.contains(fd);
  if (epoll_ctl(epoll_.get(), known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  watched_[fd] =
      Watched{number, std::make_shared<std::function<void(std::uint32_t)>>(std::move(ready))};
}

void Loop::unwatch(int fd) {
  if (watched_.erase(fd) > 0) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }
}

Loop::TimerId Loop::after(Duration delay, std::function<void()> due) {
  const TimerId id = next_timer_++;
  const Instant at = clock_.now() + std::max(delay, Duration::zero());
  timers_.emplace(std::pair(at, id), std::move(due));
  timer_times_.emplace(id, at);
  return id;
}

void Loop::cancel(TimerId timer) {
  const auto found = timer_times_.find(timer);
  if (found != timer_times_.end()) {
    timers_.erase({found->second, timer});
    timer_times_.erase(found);
  }
}

Duration Loop::until_next_timer(Duration longest) const {
  if (timers_.empty()) {
    return longest;
  }
  return std::clamp(timers_.begin()->first.first - clock_.now(), Duration::zero(), longest);
}

void Loop::run_timers() {
  // A timer that a timer sets for now waits for the next turn, so that descriptors get theirs.
  const Instant now = clock_.now();
  const TimerId first_new = next_timer_;
  while (!timers_.empty() && timers_.begin()->first.first <= now &&
         timers_.begin()->first.second < first_new) {
    auto entry = timers_.extract(timers_.begin());
    timer_times_.erase(entry.key().second);
    entry.mapped()();
  }
}

void Loop::turn(Duration longest) {
  std::array<epoll_event, 64> events;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until_next_timer(longest)).count();
  const int ready = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                               static_cast<int>(wait));
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events.at(static_cast<std::size_t>(i));
    // Looked up anew for each: an earlier one of this turn may have unwatched it, and another
    // descriptor may have got its number since. The copy keeps the function alive while it
    // unwatches itself.
    const auto found = watched_.find(static_cast<int>(event.data.u64 & 0xffffffffU));
    if (found != watched_.end() && found->second.number == event.data.u64 >> 32) {
      const std::shared_ptr<std::function<void(std::uint32_t)>> call = found->second.ready;
      (*call)(event.events);
    }
  }
  run_timers();
  if (turn_end_) {
    turn_end_();
  }
}

void Loop::run() {
  running_ = true;
  while (running_) {
    turn(std::chrono::hours(1));
  }
}

}  // namespace drover::system
