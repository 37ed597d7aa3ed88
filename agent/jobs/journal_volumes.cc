// The journal's volumes that outlive containers.
#include "agent/jobs/journal.h"

namespace drover::jobs {
namespace {

VolumeRow standing_volume_of(const Statement& row) {
  return VolumeRow{row.text(0), row.text(1),  static_cast<std::uint64_t>(row.number(2)),
                   row.text(3), row.text(4),  row.text(5),
                   row.text(6), row.number(7)};
}

}  // namespace

Result<> Journal::put_volume(const VolumeRow& row) {
  TRY(database_->begin());
  Statement put = TRY(database_->prepare(
      "INSERT OR REPLACE INTO volumes(name, storage, size_mib, volume, origin, job, busy, "
      "created_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  put.with(row.name).with(row.storage).with(static_cast<std::int64_t>(row.size_mib));
  put.with(row.volume).with(row.origin).with(row.job).with(row.busy);
  return put.with(row.created_at).done();
}

Result<> Journal::erase_volume(const std::string& name) {
  TRY(database_->begin());
  Statement erase = TRY(database_->prepare("DELETE FROM volumes WHERE name = ?"));
  return erase.with(name).done();
}

Result<std::optional<VolumeRow>> Journal::volume(const std::string& name) {
  Statement query = TRY(database_->prepare(
      "SELECT name, storage, size_mib, volume, origin, job, busy, created_at FROM volumes "
      "WHERE name = ?"));
  query.with(name);
  return TRY(query.step()) ? std::optional(standing_volume_of(query)) : std::nullopt;
}

Result<std::vector<VolumeRow>> Journal::volumes(const std::string& after) {
  Statement query = TRY(database_->prepare(
      "SELECT name, storage, size_mib, volume, origin, job, busy, created_at FROM volumes "
      "WHERE name > ? ORDER BY name"));
  query.with(after);
  std::vector<VolumeRow> rows;
  while (TRY(query.step())) {
    rows.push_back(standing_volume_of(query));
  }
  return rows;
}

}  // namespace drover::jobs
