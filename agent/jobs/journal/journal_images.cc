// The journal's images.
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/journal/rows.h"

namespace drover::jobs {
namespace {

constexpr std::string_view kImages = "SELECT name, digest, bytes, since, job FROM images ";

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
  Statement query = TRY(database_->prepare(selecting(kImages, "WHERE name = ?").c_str()));
  return first_row(query.with(name), image_of);
}

Result<std::vector<ImageRow>> Journal::images(const std::string& after) {
  Statement query =
      TRY(database_->prepare(selecting(kImages, "WHERE name > ? ORDER BY name").c_str()));
  return all_rows(query.with(after), image_of);
}

}  // namespace drover::jobs
