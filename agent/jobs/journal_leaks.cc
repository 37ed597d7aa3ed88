// The journal's rows of things that were found on the node and that nothing else in it knows.
#include "agent/jobs/journal.h"

namespace drover::jobs {

Result<std::vector<LeakRow>> Journal::leaks() {
  Statement query = TRY(database_->prepare(
      "SELECT kind, place, name, container, job, seen_at, collect_at, tries, ordered, message "
      "FROM leaks ORDER BY kind, place, name"));
  std::vector<LeakRow> rows;
  while (TRY(query.step())) {
    rows.push_back(LeakRow{query.text(0), query.text(1), query.text(2), query.text(3),
                           query.text(4), query.number(5), query.number(6), query.number(7),
                           query.number(8) != 0, query.text(9)});
  }
  return rows;
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
