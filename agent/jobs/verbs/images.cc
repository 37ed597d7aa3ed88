#include "agent/jobs/verbs/images.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>
#include <set>

#include "agent/core/image_reference.h"
#include "agent/jobs/allowed_folders.h"
#include "agent/jobs/container_record.h"
#include "proxmox/task_watch.h"
#include "runtimes/images/disk_usage.h"

namespace drover::jobs {
namespace {

constexpr std::chrono::milliseconds kTellEvery{5000};

/// The inverse of Layout::image_root; "" for a folder that is no image's.
std::string digest_below(const runtimes::Path& lower, const runtimes::Layout& layout) {
  const std::string name = lower.parent_path().filename();
  std::string digest = "sha256:" + name.substr(std::min(name.find('-') + 1, name.size()));
  return lower == layout.image_root(digest) ? digest : std::string();
}

/// Of all that its root is made of, layers that it shares with others included.
std::uint64_t bytes_of(const runtimes::Image& image) {
  std::uint64_t bytes = 0;
  for (const runtimes::Path& part : image.parts) {
    bytes += runtimes::disk_usage(part);
  }
  return bytes;
}

/// Digests of all images that its root is made of now, or may be again.
std::set<std::string> images_of(const ContainerRecord& record, const runtimes::Layout& layout) {
  std::set<std::string> digests = {digest_below(record.lower, layout)};
  for (const std::optional<Root>* root : {&record.former, &record.aside}) {
    digests.insert(*root ? digest_below((*root)->lower, layout) : "");
  }
  digests.erase("");
  return digests;
}

/// A regular file, which no link leads to from outside the folders that jobs may name. What lies on
/// a storage of Proxmox may be used by all, but is no link, which may be anybody's.
Result<system::UniqueFd> open_archive(const Node& node, const path& file, bool is_of_storage) {
  // Opening a pipe would wait for its other end.
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  system::UniqueFd fd =
      TRY((is_of_storage ? system::open_in_root("/", file.relative_path(), kFlags | O_NOFOLLOW)
                         : open_allowed(node.config, file, kFlags))
              .context("image archive"));
  struct stat facts {};
  if (fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return fail(Code::invalid, "image archive {}: is no file with content", file.native());
  }
  return fd;
}

Result<std::optional<runtimes::Image>> find_here(Work& work, const Node& node,
                                                 const std::string& reference) {
  std::optional<ImageRow> row;
  TRY(work.write([&](Books& books) -> Result<> {
    row = TRY(books.journal().image(reference));
    return {};
  }));
  return row ? node.images.find(reference, row->digest, work.stop())
             : Result<std::optional<runtimes::Image>>(std::nullopt);
}

void tell_progress(const std::string& task, const std::string& line) {
  if (const proxmox::TaskWatch* watch = proxmox::TaskWatch::current()) {
    watch->tell({task, std::nullopt, line});
  }
}

}  // namespace

Result<runtimes::Image> fetch_image(Work& work, const Node& node, const std::string& name,
                                    system::UniqueFd file) {
  const ImageReference image = TRY(parse_image_reference(name));
  const bool is_template = image.kind == ImageReference::Kind::root_archive;
  const auto tell = [task = is_template ? "template" : "skopeo"](const std::string& line) {
    tell_progress(task, line);
  };
  return node.images.fetch(name, std::move(file), work.stop(), tell, kTellEvery);
}

Result<NamedHere> name_here(const Node& node, const std::string& reference,
                            const system::Stop& stop) {
  if (!proxmox::names_template(reference)) {
    return NamedHere{reference};
  }
  const proxmox::TemplateVolume volume = TRY(proxmox::TemplateVolume::parse(reference));
  proxmox::Templates* const templates = TRY(node.all_templates());
  const auto found = TRY(templates->find(volume, stop).context("look for template " + reference));
  if (!found || found->path.empty()) {
    return fail(Code::not_found,
                "template {} is not on this node: drover image pull {} --from WHERE fetches it",
                reference, reference);
  }
  return NamedHere{(volume.is_plain_tar() ? "oci-archive:" : "template:") + found->path, true};
}

Result<std::map<std::string, std::vector<std::string>>> image_users(
    Journal& journal, const runtimes::Layout& layout) {
  std::map<std::string, std::vector<std::string>> users;
  const std::vector<ContainerRow> rows = TRY(journal.containers());
  for (const ContainerRow& row : rows) {
    const ContainerRecord record = TRY(container_record_from(row.container));
    for (const std::string& digest : images_of(record, layout)) {
      users[digest].push_back(row.name);
    }
  }
  return users;
}

Result<runtimes::Image> ensure_image(Work& work, const Node& node, const std::string& reference,
                                     Freshness freshness) {
  const NamedHere wanted = TRY(name_here(node, reference, work.stop()));
  const std::string& name = wanted.name;
  const ImageReference image = TRY(parse_image_reference(name));
  if (image.kind == ImageReference::Kind::layout) {
    const system::UniqueFd layout = TRY(open_allowed(node.config, image.place, O_PATH | O_DIRECTORY)
                                            .context("read image layout " + image.place));
    return node.images.ensure(name, layout, work.stop());
  }
  if (freshness == Freshness::as_it_is_here) {
    std::optional<runtimes::Image> here = TRY(find_here(work, node, name));
    if (here) {
      return std::move(*here);
    }
  }
  if (image.kind == ImageReference::Kind::pushed) {
    return fail(Code::not_found, "image {} is not on this node: drover image push FILE {} sends it",
                reference, name.substr(name.find(':') + 1));
  }
  system::UniqueFd archive;
  if (image.lies_on_node()) {
    archive = TRY(open_archive(node, image.place, wanted.is_of_storage));
  }
  return work.rest_while([&] {
    return fetch_image(work, node, name, std::move(archive)).context("pull image " + reference);
  });
}

Result<ImageRow> name_image(Work& work, const runtimes::Image& image,
                            const std::function<Result<>(Journal&)>& also) {
  std::optional<ImageRow> known;
  const auto is_known = [&] { return known && known->digest == image.digest; };
  const auto look = [&](Books& books) -> Result<> {
    known = TRY(books.journal().image(image.reference));
    return is_known() && also ? also(books.journal()) : Result<>();
  };
  // A container has its image's name for as long as it has a mount of it, which ends sooner.
  TRY(work.write(look, Outlives::agent));
  if (is_known()) {
    return *known;
  }
  const ImageRow row{image.reference, image.digest, bytes_of(image), work.clock().unix_ms(),
                     work.request().id.str()};
  TRY(work.write([&](Books& books) -> Result<> {
    TRY(write_pulled(books, row));
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
