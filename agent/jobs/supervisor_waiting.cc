// Supervisor: what jobs wait for, other than their turns.
#include <utility>

#include "agent/jobs/supervisor.h"

namespace drover::jobs {

std::optional<Waiting> Supervisor::waits_for(const std::string& job) const {
  if (const std::optional<Turns::Wait> wait = turns_.waiting(job)) {
    return Waiting{wait->thing, wait->before};
  }
  const auto entry = entries_.find(job);
  if (entry != entries_.end() && !entry->second.awaits.empty()) {
    return Waiting{entry->second.awaits, sole_use_.before(entry->second.awaits, job).value_or(0)};
  }
  const std::optional<Lanes::Place> place = lanes_.place(job);
  if (!place) {
    return std::nullopt;
  }
  switch (place->what) {
    case Lanes::Place::For::lane:
      return Waiting{place->lane, place->before};
    case Lanes::Place::For::worker:
      return Waiting{"a worker", place->before};
    case Lanes::Place::For::attempt:
      break;
  }
  return Waiting{"its next attempt", 0};
}

std::optional<json::Object> Supervisor::progress_of(const std::string& job) const {
  const auto entry = entries_.find(job);
  return entry == entries_.end() ? std::nullopt : entry->second.progress;
}

std::string Supervisor::awaited(const Entry& entry, const std::string& job) {
  // One that shall end needs nothing but a place for that.
  if (entry.next.stop->requested()) {
    return "";
  }
  if (std::string awaits = deeds_.awaits(entry.next.request); !awaits.empty()) {
    return awaits;
  }
  std::string thing = deeds_.has_alone(entry.next.request);
  return thing.empty() || sole_use_.take(thing, job) ? "" : thing;
}

bool Supervisor::keep_waiting(const std::string& job) {
  Entry& entry = entries_.at(job);
  std::string awaits = awaited(entry, job);
  if (awaits.empty() || !lanes_.park(job)) {
    entry.told.clear();
    return false;
  }
  entry.awaits = std::move(awaits);
  const bool is_news = std::exchange(entry.told, entry.awaits) != entry.awaits;
  if (is_news && entry.is_told) {
    // Only told: whoever asks later gets it from `waits_for`.
    const std::size_t before = sole_use_.before(entry.awaits, job).value_or(0);
    [[maybe_unused]] const Result<> told =
        books_.tell(waiting_event(entry.next.request, entry.awaits, before));
  }
  return true;
}

void Supervisor::leave_alone(const std::string& job) {
  const std::optional<std::string> next = sole_use_.leave(job);
  const auto entry = next ? entries_.find(*next) : entries_.end();
  if (entry != entries_.end() && wait_no_more(entry->second, *next)) {
    reports_.post({.job = "", .what = Report::What::go_on});
  }
}

bool Supervisor::wait_no_more(Entry& entry, const std::string& job) {
  const bool waited = !std::exchange(entry.awaits, {}).empty();
  if (waited) {
    lanes_.unpark(job);
  }
  return waited;
}

bool Supervisor::is_untouched(const Entry& entry, const std::string& job) const {
  return !entry.next.resumed && (lanes_.waits(job) || !entry.awaits.empty());
}

bool Supervisor::is_excused(const Task& task, const Error& error) {
  return error.code == Code::unavailable && may_be_retried(task.request.verb) &&
         !task.stop->requested() && deeds_.excuses(task.request, *task.stop);
}

}  // namespace drover::jobs
