#include "agent/jobs/turns.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace drover::jobs {

Turns::Turn::~Turn() {
  if (turns_ != nullptr) {
    turns_->give_back(thing_);
  }
}

Result<Turns::Turn> Turns::take(const Scarce& wanted, const std::string& job,
                                const system::Stop& stop,
                                const std::function<void(const Wait&)>& waits) {
  const std::string& thing = wanted.thing;
  const std::string what = "wait for " + thing;
  TRY(stop.check(what));
  auto ticket = std::make_shared<Ticket>();
  Wait wait{thing, 0};
  {
    const std::lock_guard lock(mutex_);
    Thing& used = things_[thing];
    if (used.in_use < wanted.width && used.line.empty()) {
      ++used.in_use;
      return Turn(*this, thing);
    }
    ticket->job = job;
    ticket->width = wanted.width;
    ticket->called.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!ticket->called.valid()) {
      return fail(Code::unavailable, "{}: {}", what, std::strerror(errno));
    }
    wait.before = used.line.size();
    used.line.push_back(ticket);
  }
  waits(wait);
  system::await_readable(ticket->called.get(), stop);
  if (stop.requested()) {
    leave(thing, ticket);
    return Failure(stop.check(what).error());
  }
  return Turn(*this, thing);
}

void Turns::call_next(const std::string& name, Thing& thing) {
  while (!thing.line.empty() && thing.in_use < thing.line.front()->width) {
    Ticket& next = *thing.line.front();
    next.has_turn = true;
    eventfd_write(next.called.get(), 1);
    ++thing.in_use;
    thing.line.pop_front();
  }
  if (thing.in_use == 0 && thing.line.empty()) {
    things_.erase(name);
  }
}

void Turns::give_back(const std::string& thing) {
  const std::lock_guard lock(mutex_);
  Thing& used = things_.at(thing);
  --used.in_use;
  call_next(thing, used);
}

void Turns::leave(const std::string& thing, const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(mutex_);
  Thing& wanted = things_.at(thing);
  if (ticket->has_turn) {
    --wanted.in_use;
  } else {
    std::erase(wanted.line, ticket);
  }
  call_next(thing, wanted);
}

std::optional<Turns::Wait> Turns::waiting(const std::string& job) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, thing] : things_) {
    const auto found = std::find_if(thing.line.begin(), thing.line.end(),
                                    [&job](const auto& ticket) { return ticket->job == job; });
    if (found != thing.line.end()) {
      return Wait{name, static_cast<std::size_t>(found - thing.line.begin())};
    }
  }
  return std::nullopt;
}

}  // namespace drover::jobs
