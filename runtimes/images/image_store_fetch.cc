// What an ImageStore fetches of registries, archives and templates.
#include <filesystem>

#include "agent/core/stable_hash.h"
#include "agent/system/crash_point.h"
#include "agent/system/spare_disk.h"
#include "runtimes/images/fetch_progress.h"
#include "runtimes/images/image_folders.h"
#include "runtimes/images/image_store.h"
#include "runtimes/images/template_layout.h"

namespace drover::runtimes {

Result<Image> ImageStore::fetch(const std::string& text, system::UniqueFd file,
                                const system::Stop& stop,
                                const std::function<void(const std::string& line)>& tell,
                                std::chrono::milliseconds tell_every) {
  const ImageReference reference = TRY(parse_image_reference(text));
  const auto opened = std::make_shared<system::UniqueFd>(std::move(file));
  const auto fetch = [this, text, reference, opened](const system::Stop& unwanted,
                                                     const ImageFlights::Line& line) {
    return fetch_now(text, reference, *opened, unwanted, line);
  };
  std::string told;
  return flights_.join(text, fetch, stop, tell_every, [&](const ImageFlights::Lines& lines) {
    std::string now = fetch_progress(lines, layout_.image_blobs(), fetch_folder(text) / "layout");
    if (!now.empty() && now != told) {
      told = now;
      tell(now);
    }
  });
}

Path ImageStore::fetch_folder(const std::string& text) const {
  return layout_.images() / fmt::format("{}fetch-{:016x}", kUnfinished, stable_hash(text));
}

Result<Image> ImageStore::fetch_now(const std::string& text, const ImageReference& reference,
                                    const system::UniqueFd& file, const system::Stop& stop,
                                    const ImageFlights::Line& line) {
  const Path folder = fetch_folder(text);
  const std::shared_ptr<Root> busy = root_named(whole_of(folder));
  const std::unique_lock held = TRY(hold(*busy, text, stop));
  const std::shared_lock blobs(blobs_in_use_);
  const auto fetch = [&]() -> Result<Image> {
    const std::string digest = TRY(fetch_blobs(reference, file, folder, stop, line));
    LayoutImage fetched = blobs_.image(digest);
    fetched.architecture = reference.architecture;
    Result<Image> image = ensure(text, fetched, stop);
    system::crash_point("fetched image unpacked");
    return image;
  };
  Result<Image> image = fetch();
  const Result<> removed = system::remove_tree(folder);
  if (image && !removed) {
    return Failure(removed.error());
  }
  return image;
}

Result<std::string> ImageStore::fetch_blobs(const ImageReference& reference,
                                            const system::UniqueFd& file, const Path& folder,
                                            const system::Stop& stop,
                                            const ImageFlights::Line& line) {
  constexpr int kAttempts = 2;
  std::vector<std::string> damaged;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    TRY(system::remove_tree(folder));
    TRY(system::make_folders(folder / "layout", 0700));
    TRY(blobs_.prepare());
    std::error_code error;
    std::filesystem::create_directory_symlink(layout_.image_blobs(), folder / "layout/blobs",
                                              error);
    if (error) {
      return fail(Code::broken, "link {}: {}", (folder / "layout/blobs").native(), error.message());
    }
    system::crash_point("image fetch begun");
    const auto write = [&](const system::Stop& cut_off) {
      return reference.kind == ImageReference::Kind::root_archive
                 ? make_template_layout(reference, file, folder, skopeo_, cut_off, line)
                 : fetch_by_skopeo(reference, file, folder, skopeo_, cut_off, line);
    };
    TRY(system::write_to_spare_disk(folder, stop, write));
    system::crash_point("image fetched");
    std::string digest = TRY(tagged_digest({.layout = folder / "layout", .tag = "image"}));
    damaged = TRY(blobs_.drop_damaged(digest, stop));
    if (damaged.empty()) {
      return digest;
    }
    // skopeo takes for whole what has the name; now it has to fetch it.
    line(fmt::format("blob {} was damaged, and is fetched again", damaged.front()));
  }
  return fail(Code::broken,
              "blob {} is not what its digest says as often as it is fetched: the node's disk or "
              "memory may be failing",
              damaged.front());
}

}  // namespace drover::runtimes
