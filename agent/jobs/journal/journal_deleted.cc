// What the journal remembers of containers that are no more.
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/journal/rows.h"

namespace drover::jobs {
namespace {

DeletedRow deleted_row(const Statement& row) {
  return {row.text(0), row.text(1), row.text(2), row.number(3), row.number(4)};
}

}  // namespace

Result<> Journal::put_deleted(const DeletedRow& row) {
  TRY(database_->begin());
  Statement put = TRY(database_->prepare(
      "INSERT OR REPLACE INTO deleted(job, name, view, at, bytes) VALUES(?, ?, ?, ?, ?)"));
  return put.with(row.job).with(row.name).with(row.view).with(row.at).with(row.bytes).done();
}

Result<std::optional<DeletedRow>> Journal::deleted(const std::string& name) {
  Statement query = TRY(database_->prepare(
      "SELECT job, name, view, at, bytes FROM deleted WHERE name = ? ORDER BY at DESC LIMIT 1"));
  return first_row(query.with(name), deleted_row);
}

Result<std::optional<DeletedRow>> Journal::deleted_of(const std::string& job) {
  Statement query = TRY(
      database_->prepare("SELECT job, name, view, at, bytes FROM deleted WHERE job = ? LIMIT 1"));
  return first_row(query.with(job), deleted_row);
}

Result<std::vector<std::string>> Journal::forget_deleted(std::int64_t before, std::int64_t keep,
                                                         std::int64_t bytes, std::int64_t most) {
  std::vector<std::string> forgotten;
  {
    Statement all = TRY(database_->prepare("SELECT count(*), sum(bytes) FROM deleted"));
    if (!TRY(all.step()) || all.number(0) == 0) {
      return forgotten;
    }
    std::int64_t count = all.number(0);
    std::int64_t sum = all.number(1);
    Statement query = TRY(
        database_->prepare("SELECT job, name, view, at, bytes FROM deleted ORDER BY at LIMIT ?"));
    query.with(most);
    while (TRY(query.step())) {
      const DeletedRow row = deleted_row(query);
      if (row.at >= before && count <= keep && sum <= bytes) {
        break;
      }
      --count;
      sum -= row.bytes;
      forgotten.push_back(row.job);
    }
  }
  if (!forgotten.empty()) {
    TRY(database_->begin());
  }
  for (const std::string& job : forgotten) {
    Statement erase = TRY(database_->prepare("DELETE FROM deleted WHERE job = ?"));
    TRY(erase.with(job).done());
  }
  return forgotten;
}

}  // namespace drover::jobs
