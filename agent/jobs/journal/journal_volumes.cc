// The journal's volumes that outlive containers.
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/journal/rows.h"

namespace drover::jobs {
namespace {

constexpr std::string_view kVolumes =
    "SELECT name, storage, size_mib, volume, origin, job, busy, created_at FROM volumes ";

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
  Statement query = TRY(database_->prepare(selecting(kVolumes, "WHERE name = ?").c_str()));
  return first_row(query.with(name), standing_volume_of);
}

Result<std::vector<VolumeRow>> Journal::volumes(const std::string& after) {
  Statement query =
      TRY(database_->prepare(selecting(kVolumes, "WHERE name > ? ORDER BY name").c_str()));
  return all_rows(query.with(after), standing_volume_of);
}

}  // namespace drover::jobs
