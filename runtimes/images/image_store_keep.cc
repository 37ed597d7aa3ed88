// What of an ImageStore is in use, and which of its blobs are not.
#include <fcntl.h>
#include <sys/stat.h>

#include "runtimes/images/disk_usage.h"
#include "runtimes/images/image_folders.h"
#include "runtimes/images/image_layers.h"
#include "runtimes/images/image_store.h"

namespace drover::runtimes {

std::int64_t ImageStore::last_use(const std::string& digest) const {
  struct stat found {};
  return stat(layout_.image(digest).c_str(), &found) == 0 ? found.st_mtim.tv_sec : 0;
}

void ImageStore::note_use(const std::string& digest) const {
  // At worst it goes before others.
  [[maybe_unused]] const int done =
      utimensat(AT_FDCWD, layout_.image(digest).c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

std::uint64_t ImageStore::bytes_of(const std::string& digest) const {
  std::uint64_t bytes = disk_usage(layout_.image(digest));
  const Result<std::map<std::string, int>> used = used_layers();
  const Result<std::vector<std::string>> layers = layers_of(layout_.image(digest));
  for (const std::string& name : layers.value_or(std::vector<std::string>())) {
    const bool is_shared = used && used->contains(name) && used->at(name) > 1;
    bytes += is_shared ? 0 : disk_usage(layout_.image_layers() / name);
  }
  for (const std::string& blob : blobs_.of_image(digest)) {
    bytes += blobs_.look(blob).bytes;
  }
  return bytes;
}

Result<std::set<std::string>> ImageStore::used_blobs() const {
  std::set<std::string> used;
  const std::vector<Path> all = TRY(folders());
  for (const Path& folder : all) {
    if (const std::string digest = digest_in(folder.filename().native()); !digest.empty()) {
      used.merge(blobs_.of_image(digest));
    }
  }
  return used;
}

Result<> ImageStore::remove_blobs(const std::set<std::string>& blobs) {
  // Those that are being fetched may be among them.
  const std::unique_lock lock(blobs_in_use_, std::try_to_lock);
  if (!lock.owns_lock()) {
    return {};
  }
  const std::set<std::string> used = TRY(used_blobs());
  for (const std::string& blob : blobs) {
    if (!used.contains(blob)) {
      TRY(blobs_.remove(blob));
    }
  }
  blobs_.tidy();
  return {};
}

Result<std::uint64_t> ImageStore::remove_strays(std::chrono::seconds age) {
  const std::int64_t before = std::chrono::duration_cast<std::chrono::seconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count() -
                              age.count();
  std::uint64_t bytes = TRY(remove_stray_layers(before));
  const std::unique_lock lock(blobs_in_use_, std::try_to_lock);
  if (!lock.owns_lock()) {
    return bytes;
  }
  const std::set<std::string> used = TRY(used_blobs());
  for (const std::string& blob : blobs_.all()) {
    const ImageBlobs::Look look = blobs_.look(blob);
    if (!used.contains(blob) && look.made <= before) {
      TRY(blobs_.remove(blob));
      bytes += look.bytes;
    }
  }
  blobs_.tidy();
  return bytes;
}

}  // namespace drover::runtimes
