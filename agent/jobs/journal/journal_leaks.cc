// The journal's rows of things that were found on the node and that nothing else in it knows.
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/journal/rows.h"

namespace drover::jobs {
namespace {

LeakRow leak_of(const Statement& row) {
  return {row.text(0),   row.text(1),   row.text(2),   row.text(3),        row.text(4),
          row.number(5), row.number(6), row.number(7), row.number(8) != 0, row.text(9)};
}

}  // namespace

std::string id_of(const LeakRow& row) {
  return fmt::format("{}:{}:{}", row.kind, row.place, row.name);
}

Result<std::vector<LeakRow>> Journal::leaks(const std::string& after) {
  // As id_of makes it.
  Statement query = TRY(database_->prepare(
      "SELECT kind, place, name, container, job, seen_at, collect_at, tries, ordered, message, "
      "kind || ':' || place || ':' || name AS id FROM leaks WHERE id > ? ORDER BY id"));
  return all_rows(query.with(after), leak_of);
}

Result<> Journal::put_leak(const LeakRow& row) {
  TRY(database_->begin());
  Statement put = TRY(database_->prepare(
      "INSERT OR REPLACE INTO leaks(kind, place, name, container, job, seen_at, collect_at, tries, "
      "ordered, message) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  put.with(row.kind).with(row.place).with(row.name).with(row.container).with(row.job);
  put.with(row.seen_at).with(row.collect_at).with(row.tries);
  return put.with(std::int64_t{row.ordered ? 1 : 0}).with(row.message).done();
}

Result<> Journal::erase_leak(const LeakRow& row) {
  TRY(database_->begin());
  Statement erase =
      TRY(database_->prepare("DELETE FROM leaks WHERE kind = ? AND place = ? AND name = ?"));
  return erase.with(row.kind).with(row.place).with(row.name).done();
}

}  // namespace drover::jobs
