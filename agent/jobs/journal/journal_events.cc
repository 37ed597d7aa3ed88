// Events in the journal: how they are counted and written, and what is told to those who want some
// of them only.
#include <algorithm>

#include "agent/jobs/journal/journal.h"

namespace drover::jobs {
namespace {

/// Rows that are looked at for one answer, which is a few milliseconds of the loop's.
constexpr std::uint64_t kMostLooked = 20'000;

/// What the counters are called in the file: of all events, of those of one kind, and the highest
/// number of all counters of objects that were forgotten.
constexpr std::string_view kAll = "node";
constexpr std::string_view kForgotten = "forgotten";
constexpr std::string_view kOfKind = "kind/";

}  // namespace

Result<> Journal::read_counts() {
  Statement query = TRY(database_->prepare(
      "SELECT name, value FROM counters "
      "WHERE name IN ('node', 'forgotten') OR (name >= 'kind/' AND name < 'kind0')"));
  while (TRY(query.step())) {
    const std::string name = query.text(0);
    const auto value = static_cast<std::uint64_t>(query.number(1));
    if (name == kAll) {
      counts_.head = value;
    } else if (name == kForgotten) {
      counts_.forgotten = value;
    } else {
      counts_.kinds.insert_or_assign(name.substr(kOfKind.size()), value);
    }
  }
  committed_ = counts_;
  return {};
}

Result<> Journal::write_counts() {
  if (counts_.head == committed_.head) {
    return {};
  }
  // Where the disk has refused something SQLite may have taken the rest back, and this would stand
  // alone: then it is refused here.
  TRY(database_->begin());
  const auto write = [this](std::string_view name, std::uint64_t value) -> Result<> {
    Statement put =
        TRY(database_->prepare("INSERT INTO counters(name, value) VALUES(?, ?) "
                               "ON CONFLICT(name) DO UPDATE SET value = excluded.value"));
    return put.with(name).with(static_cast<std::int64_t>(value)).done();
  };
  TRY(write(kAll, counts_.head));
  for (const auto& [kind, value] : counts_.kinds) {
    const auto before = committed_.kinds.find(kind);
    if (before == committed_.kinds.end() || before->second != value) {
      TRY(write(std::string(kOfKind) + kind, value));
    }
  }
  return {};
}

/// Of one object. There are so many of them that they are in the file only.
Result<std::uint64_t> Journal::next_count(const std::string& object, std::uint64_t seq) {
  std::uint64_t value = counts_.forgotten + 1;
  {
    Statement query = TRY(database_->prepare("SELECT value FROM counters WHERE name = ?"));
    query.with(object);
    if (TRY(query.step())) {
      value = static_cast<std::uint64_t>(query.number(0)) + 1;
    }
  }
  Statement put =
      TRY(database_->prepare("INSERT INTO counters(name, value, seq) VALUES(?, ?, ?) "
                             "ON CONFLICT(name) DO UPDATE SET value = excluded.value, "
                             "seq = excluded.seq"));
  put.with(object).with(static_cast<std::int64_t>(value)).with(static_cast<std::int64_t>(seq));
  TRY(put.done());
  return value;
}

Result<Event> Journal::add_event(Event event) {
  TRY(database_->begin());
  const auto kind = counts_.kinds.find(event.kind);
  event.epoch = epoch_;
  event.seq = counts_.head + 1;
  event.kseq = (kind == counts_.kinds.end() ? 0 : kind->second) + 1;
  event.oseq = TRY(next_count("object/" + event.kind + "/" + event.object, event.seq));
  event.at_unix_ms = clock_.unix_ms();
  Statement insert = TRY(
      database_->prepare("INSERT INTO events(seq, kseq, oseq, at, kind, object, what, job, data) "
                         "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  insert.with(static_cast<std::int64_t>(event.seq)).with(static_cast<std::int64_t>(event.kseq));
  insert.with(static_cast<std::int64_t>(event.oseq)).with(event.at_unix_ms).with(event.kind);
  insert.with(event.object).with(event.what).with(event.job);
  TRY(insert.with(json::write(event.data)).done());
  counts_.head = event.seq;
  counts_.kinds.insert_or_assign(event.kind, event.kseq);
  return event;
}

Result<FoundEvents> Journal::find_events(std::uint64_t after, std::int64_t most,
                                         const EventFilter& filter) {
  FoundEvents found;
  const std::uint64_t oldest = TRY(oldest_event());
  const std::uint64_t from = std::max(after, oldest - 1);
  found.through = std::min(counts_.head, from + kMostLooked);
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

json::Object Journal::kind_counts() const {
  json::Object counts;
  for (const auto& [kind, value] : counts_.kinds) {
    counts.set(kind, value);
  }
  return counts;
}

}  // namespace drover::jobs
