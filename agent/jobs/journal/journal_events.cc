// What the journal tells of events to those who want some of them only.
#include <algorithm>

#include "agent/jobs/journal/journal.h"

namespace drover::jobs {
namespace {

/// Rows that are looked at for one answer, which is a few milliseconds of the loop's.
constexpr std::uint64_t kMostLooked = 20'000;

}  // namespace

Result<FoundEvents> Journal::find_events(std::uint64_t after, std::int64_t most,
                                         const EventFilter& filter) {
  FoundEvents found;
  const std::uint64_t oldest = TRY(oldest_event());
  const std::uint64_t from = std::max(after, oldest - 1);
  found.through = std::min(head_, from + kMostLooked);
  Statement query = TRY(
      database_->prepare("SELECT seq, kseq, oseq, at, kind, object, what, job, data FROM events "
                         "WHERE seq > ? AND seq <= ? ORDER BY seq"));
  query.with(static_cast<std::int64_t>(from)).with(static_cast<std::int64_t>(found.through));
  while (TRY(query.step())) {
    if (!filter.takes(query.text(4), query.text(5))) {
      continue;
    }
    Event event = TRY(event_of(query));
    found.events.push_back(std::move(event));
    if (static_cast<std::int64_t>(found.events.size()) == most) {
      found.through = found.events.back().seq;
      break;
    }
  }
  return found;
}

Result<json::Object> Journal::kind_counts() {
  Statement query = TRY(database_->prepare(
      "SELECT substr(name, 6), value FROM counters WHERE name >= 'kind/' AND name < 'kind0'"));
  json::Object counts;
  while (TRY(query.step())) {
    counts.set(query.text(0), query.number(1));
  }
  return counts;
}

}  // namespace drover::jobs
