// What the journal forgets, and how its file becomes smaller again.
#include <algorithm>

#include "agent/jobs/journal/journal.h"

namespace drover::jobs {
namespace {

/// Unused pages that stay in the file for what is written next: a MiB.
constexpr std::int64_t kSpare = 256;

/// About what the row takes in the file, with its numbers and its place in the tree.
constexpr const char* kEventBytes =
    "100 + length(CAST(data AS BLOB)) + length(object) + length(kind) + length(what) + length(job)";

Result<std::int64_t> ask(Database& database, const char* sql) {
  Statement query = TRY(database.prepare(sql));
  return TRY(query.step()) ? query.number(0) : 0;
}

/// Of the counter of an object of `kind`: that no row of `table` is about it.
std::string unless_there(std::string_view kind, std::string_view table, std::string_view key) {
  const std::string prefix = fmt::format("object/{}/", kind);
  return fmt::format(
      " AND NOT (substr(counters.name, 1, {}) = '{}' AND EXISTS (SELECT 1 FROM {} WHERE "
      "{} = substr(counters.name, {})))",
      prefix.size(), prefix, table, key, prefix.size() + 1);
}

}  // namespace

Result<std::int64_t> Journal::forget_jobs(std::int64_t before, std::int64_t most) {
  std::vector<std::string> forgotten;
  {
    Statement query = TRY(database_->prepare(
        "SELECT id FROM jobs WHERE ended_at > 0 AND ended_at < ? AND dated < ? AND NOT EXISTS "
        "(SELECT 1 FROM containers WHERE job = jobs.id) ORDER BY ended_at LIMIT ?"));
    query.with(before).with(before).with(most);
    while (TRY(query.step())) {
      forgotten.push_back(query.text(0));
    }
  }
  if (!forgotten.empty()) {
    TRY(database_->begin());
  }
  for (const std::string& id : forgotten) {
    for (const char* sql : {"DELETE FROM steps WHERE job = ?", "DELETE FROM jobs WHERE id = ?"}) {
      Statement erase = TRY(database_->prepare(sql));
      TRY(erase.with(id).done());
    }
  }
  return static_cast<std::int64_t>(forgotten.size());
}

Result<std::uint64_t> Journal::oldest_event() {
  Statement query = TRY(database_->prepare("SELECT seq FROM events ORDER BY seq LIMIT 1"));
  return TRY(query.step()) ? static_cast<std::uint64_t>(query.number(0)) : counts_.head + 1;
}

Result<std::int64_t> Journal::measure_events(std::int64_t most) {
  Statement query = TRY(database_->prepare(
      fmt::format("SELECT seq, {} FROM events WHERE seq > ? ORDER BY seq LIMIT ?", kEventBytes)
          .c_str()));
  query.with(static_cast<std::int64_t>(measured_)).with(most);
  std::int64_t count = 0;
  for (; TRY(query.step()); ++count) {
    measured_ = static_cast<std::uint64_t>(query.number(0));
    event_bytes_ += query.number(1);
  }
  return count;
}

Result<std::int64_t> Journal::forget_events(std::int64_t before, std::int64_t keep,
                                            std::int64_t bytes, std::int64_t most) {
  const std::int64_t beyond = static_cast<std::int64_t>(counts_.head) - keep;
  std::int64_t last = 0;
  std::int64_t count = 0;
  {
    Statement query = TRY(database_->prepare(
        fmt::format("SELECT seq, at, {} FROM events ORDER BY seq LIMIT ?", kEventBytes).c_str()));
    query.with(most);
    // In order of seq and up to the first that stays: what is kept has no gap.
    while (TRY(query.step()) &&
           (query.number(1) < before || query.number(0) <= beyond || event_bytes_ > bytes)) {
      last = query.number(0);
      if (static_cast<std::uint64_t>(last) <= measured_) {
        event_bytes_ -= query.number(2);
      }
      ++count;
    }
  }
  if (count > 0) {
    TRY(database_->begin());
    Statement erase = TRY(database_->prepare("DELETE FROM events WHERE seq <= ?"));
    TRY(erase.with(last).done());
  }
  return count;
}

Result<std::int64_t> Journal::forget_counters(std::int64_t most) {
  const auto oldest = static_cast<std::int64_t>(TRY(oldest_event()));
  std::vector<std::string> forgotten;
  std::int64_t highest = 0;
  {
    Statement query = TRY(database_->prepare(
        ("SELECT name, value FROM counters WHERE name >= 'object/' AND name < 'object0' "
         "AND seq < ?" +
         unless_there("container", "containers", "name") +
         unless_there("volume", "volumes", "name") + unless_there("network", "networks", "name") +
         unless_there("image", "images", "name") +
         unless_there("resource", "leaks", "kind || ':' || name") +
         unless_there("job", "jobs", "ended_at = 0 AND id") +
         " AND name NOT LIKE 'object/node/%' ORDER BY seq LIMIT ?")
            .c_str()));
    query.with(oldest).with(most);
    while (TRY(query.step())) {
      forgotten.push_back(query.text(0));
      highest = std::max(highest, query.number(1));
    }
  }
  if (forgotten.empty()) {
    return 0;
  }
  TRY(database_->begin());
  Statement keep =
      TRY(database_->prepare("INSERT INTO counters(name, value) VALUES('forgotten', ?) "
                             "ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)"));
  TRY(keep.with(highest).done());
  counts_.forgotten = std::max(counts_.forgotten, static_cast<std::uint64_t>(highest));
  for (const std::string& name : forgotten) {
    Statement erase = TRY(database_->prepare("DELETE FROM counters WHERE name = ?"));
    TRY(erase.with(name).done());
  }
  return static_cast<std::int64_t>(forgotten.size());
}

Result<bool> Journal::give_back(std::int64_t pages) {
  const std::int64_t unused = TRY(ask(*database_, "PRAGMA freelist_count"));
  const std::int64_t most = std::min(pages, unused - kSpare);
  if (most <= 0 || TRY(ask(*database_, "PRAGMA auto_vacuum")) == 0) {
    return false;
  }
  TRY(database_->begin());
  TRY(database_->execute(fmt::format("PRAGMA incremental_vacuum({})", most).c_str()));
  return true;
}

}  // namespace drover::jobs
