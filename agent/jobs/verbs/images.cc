#include "agent/jobs/verbs/images.h"

#include <fcntl.h>

#include <optional>

#include "agent/jobs/allowed_folders.h"
#include "agent/jobs/container_record.h"
#include "runtimes/images/disk_usage.h"
#include "runtimes/images/oci_layout.h"

namespace drover::jobs {
namespace {

/// The inverse of Layout::image_root; "" for a folder that is no image's.
std::string digest_below(const runtimes::Path& lower, const runtimes::Layout& layout) {
  const std::string name = lower.parent_path().filename();
  std::string digest = "sha256:" + name.substr(std::min(name.find('-') + 1, name.size()));
  return lower == layout.image_root(digest) ? digest : std::string();
}

}  // namespace

Result<std::map<std::string, std::vector<std::string>>> image_users(
    Journal& journal, const runtimes::Layout& layout) {
  std::map<std::string, std::vector<std::string>> users;
  const std::vector<ContainerRow> rows = TRY(journal.containers());
  for (const ContainerRow& row : rows) {
    const ContainerRecord record = TRY(container_record_from(row.container));
    if (std::string digest = digest_below(record.lower, layout); !digest.empty()) {
      users[std::move(digest)].push_back(row.name);
    }
  }
  return users;
}

Result<runtimes::Image> ensure_image(const Node& node, const std::string& reference,
                                     const system::Stop& stop) {
  const path layout = TRY(runtimes::parse_image_reference(reference)).layout;
  const system::UniqueFd opened = TRY(open_allowed(node.config, layout, O_PATH | O_DIRECTORY)
                                          .context("read image layout " + layout.native()));
  return node.images.ensure(reference, opened, stop);
}

Result<ImageRow> name_image(Work& work, const runtimes::Image& image,
                            const std::function<Result<>(Journal&)>& also) {
  std::optional<ImageRow> known;
  TRY(work.write([&](Books& books) -> Result<> {
    known = TRY(books.journal().image(image.reference));
    return {};
  }));
  const bool is_new = !known || known->digest != image.digest;
  ImageRow row = is_new
                     ? ImageRow{image.reference, image.digest, runtimes::disk_usage(image.rootfs),
                                work.clock().unix_ms(), work.request().id.str()}
                     : *known;
  TRY(work.write([&](Books& books) -> Result<> {
    if (is_new) {
      TRY(write_pulled(books, row));
    }
    return also ? also(books.journal()) : Result<>();
  }));
  return row;
}

Result<> write_pulled(Books& books, const ImageRow& row) {
  TRY(books.journal().put_image(row));
  return books.tell(Event{.kind = "image",
                          .object = row.name,
                          .what = "pulled",
                          .job = row.job,
                          .data = {{"digest", row.digest}, {"bytes", row.bytes}}});
}

Result<> write_removed(Books& books, const ImageRow& row, const std::string& job) {
  TRY(books.journal().erase_image(row.name));
  return books.tell(Event{.kind = "image",
                          .object = row.name,
                          .what = "removed",
                          .job = job,
                          .data = {{"digest", row.digest}}});
}

}  // namespace drover::jobs
