// The journal's images.
#include "agent/jobs/journal.h"

namespace drover::jobs {
namespace {

ImageRow image_of(const Statement& row) {
  return ImageRow{row.text(0), row.text(1), static_cast<std::uint64_t>(row.number(2)),
                  row.number(3), row.text(4)};
}

}  // namespace

Result<> Journal::put_image(const ImageRow& row) {
  TRY(database_->begin());
  Statement put = TRY(database_->prepare(
      "INSERT OR REPLACE INTO images(name, digest, bytes, since, job) VALUES(?, ?, ?, ?, ?)"));
  put.with(row.name).with(row.digest).with(static_cast<std::int64_t>(row.bytes));
  return put.with(row.since).with(row.job).done();
}

Result<> Journal::erase_image(const std::string& name) {
  TRY(database_->begin());
  Statement erase = TRY(database_->prepare("DELETE FROM images WHERE name = ?"));
  return erase.with(name).done();
}

Result<std::optional<ImageRow>> Journal::image(const std::string& name) {
  Statement query =
      TRY(database_->prepare("SELECT name, digest, bytes, since, job FROM images WHERE name = ?"));
  query.with(name);
  return TRY(query.step()) ? std::optional(image_of(query)) : std::nullopt;
}

Result<std::vector<ImageRow>> Journal::images(const std::string& after) {
  Statement query = TRY(database_->prepare(
      "SELECT name, digest, bytes, since, job FROM images WHERE name > ? ORDER BY name"));
  query.with(after);
  std::vector<ImageRow> rows;
  while (TRY(query.step())) {
    rows.push_back(image_of(query));
  }
  return rows;
}

}  // namespace drover::jobs
