#include "runtimes/images/image_blobs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/core/image_reference.h"
#include "proxmox/file_digest.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kSha256Prefix = "sha256:";

}  // namespace

Path ImageBlobs::file(const std::string& digest) const {
  return layout_.image_blobs() / "sha256" / digest.substr(kSha256Prefix.size());
}

Result<> ImageBlobs::prepare() const {
  return system::make_folders(layout_.image_blobs() / "sha256", 0700);
}

Result<std::vector<std::string>> ImageBlobs::drop_damaged(const std::string& digest,
                                                          const system::Stop& stop) const {
  std::vector<std::string> damaged;
  const auto check = [&](const std::string& blob) -> Result<> {
    const Result<std::string> found = proxmox::sha256_of_path(file(blob), stop);
    if (!found && found.error().code != Code::not_found) {
      return Failure(found.error());
    }
    if (!found || std::string(kSha256Prefix) + *found != blob) {
      damaged.push_back(blob);
      TRY(remove(blob));
    }
    return {};
  };
  TRY(check(digest));
  if (!damaged.empty()) {
    return damaged;
  }
  const ImageManifest manifest = TRY(read_manifest(image(digest)));
  if (!is_image_digest(manifest.configuration)) {
    return fail(Code::invalid, "image {} has no configuration", digest);
  }
  TRY(check(manifest.configuration));
  for (const ImageLayer& layer : manifest.layers) {
    TRY(check(layer.digest));
  }
  return damaged;
}

std::set<std::string> ImageBlobs::of_image(const std::string& digest) const {
  std::set<std::string> blobs{digest};
  if (const Result<ImageManifest> manifest = read_manifest(image(digest))) {
    blobs.insert(manifest->configuration);
    for (const ImageLayer& layer : manifest->layers) {
      blobs.insert(layer.digest);
    }
  }
  return blobs;
}

ImageBlobs::Look ImageBlobs::look(const std::string& digest) const {
  struct stat found {};
  return stat(file(digest).c_str(), &found) == 0
             ? Look{static_cast<std::uint64_t>(found.st_size), found.st_mtim.tv_sec}
             : Look{};
}

std::vector<std::string> ImageBlobs::all() const {
  std::vector<std::string> found;
  for (const Path& blob : system::children_of(layout_.image_blobs() / "sha256")) {
    found.push_back(std::string(kSha256Prefix) + blob.filename().native());
  }
  return found;
}

Result<> ImageBlobs::remove(const std::string& digest) const {
  if (unlink(file(digest).c_str()) != 0 && errno != ENOENT) {
    return fail(Code::broken, "remove {}: {}", file(digest).native(), std::strerror(errno));
  }
  return {};
}

void ImageBlobs::tidy() const {
  rmdir((layout_.image_blobs() / "sha256").c_str());
  rmdir(layout_.image_blobs().c_str());
}

}  // namespace drover::runtimes
