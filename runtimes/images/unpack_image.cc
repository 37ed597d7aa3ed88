#include "runtimes/images/unpack_image.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtimes/images/umoci.h"

namespace drover::runtimes {
namespace {

/// A layout of this one image beside its root: umoci takes tags only, and those of the image's own
/// layout may be moved meanwhile, or stand for several architectures.
Result<> make_layout(const Path& layout, const ImageManifest& manifest) {
  TRY(write_layout(
      layout,
      {{"mediaType", manifest.media_type}, {"digest", manifest.digest}, {"size", manifest.bytes}}));
  const std::string blobs = fmt::format("/proc/self/fd/{}/blobs", kSourceOfUmoci);
  if (symlink(blobs.c_str(), (layout / "blobs").c_str()) != 0) {
    return fail(Code::broken, "link {}: {}", (layout / "blobs").native(), std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<> unpack_image(const LayoutImage& image, const ImageManifest& manifest,
                      const Path& unfinished, const Path& folder, const system::Stop& stop) {
  TRY(system::remove_tree(unfinished));
  TRY(system::make_folders(unfinished, 0700));
  const Path layout = unfinished / "layout";
  TRY(make_layout(layout, manifest));
  TRY(unpack_by_umoci(image, unfinished, "rootfs", {}, stop));
  TRY(system::remove_tree(layout));
  TRY(sync_folder(unfinished));
  if (::rename(unfinished.c_str(), folder.c_str()) != 0) {
    return fail(Code::broken, "rename {} to {}: {}", unfinished.native(), folder.native(),
                std::strerror(errno));
  }
  return {};
}

}  // namespace drover::runtimes
