#include "runtimes/images/unpack_image.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/core/json.h"
#include "agent/system/child.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::minutes kUnpackTimeout{30};
constexpr int kLayout = 3;  ///< umoci's descriptor of the image's layout

/// Everything below `folder` to the disk: after a power cut, a name that stands must not name a
/// root that is half there.
Result<> sync_folder(const Path& folder) {
  const system::UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || syncfs(fd.get()) != 0) {
    return fail(errno == ENOSPC ? Code::unavailable : Code::broken, "sync {}: {}", folder.native(),
                std::strerror(errno));
  }
  return {};
}

/// A layout of this one image beside its root: umoci takes tags only, and those of the image's own
/// layout may be moved meanwhile, or stand for several architectures.
Result<> make_layout(const Path& layout, const ImageManifest& manifest) {
  TRY(system::make_folders(layout, 0700));
  const json::Object entry{
      {"mediaType", manifest.media_type},
      {"digest", manifest.digest},
      {"size", manifest.bytes},
      {"annotations", json::Object{{"org.opencontainers.image.ref.name", "image"}}}};
  TRY(system::write_atomically(
      layout / "index.json",
      json::write(json::Object{{"schemaVersion", 2}, {"manifests", json::Array{entry}}})));
  TRY(system::write_atomically(layout / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  const std::string blobs = fmt::format("/proc/self/fd/{}/blobs", kLayout);
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
  const Path& where = image.opened.empty() ? image.layout : image.opened;
  const system::UniqueFd opened(open(where.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!opened.valid()) {
    return fail(Code::broken, "open {}: {}", image.layout.native(), std::strerror(errno));
  }
  const Path layout = unfinished / "layout";
  TRY(make_layout(layout, manifest));
  system::RunOptions options;
  options.timeout = kUnpackTimeout;
  options.child.descriptors = {{opened.get(), kLayout}};
  options.child.working_folder = unfinished;
  TRY(system::run_ok({"umoci", "raw", "unpack", "--image", "layout:image", "rootfs"}, stop,
                     options));
  TRY(system::remove_tree(layout));
  TRY(sync_folder(unfinished));
  if (::rename(unfinished.c_str(), folder.c_str()) != 0) {
    return fail(Code::broken, "rename {} to {}: {}", unfinished.native(), folder.native(),
                std::strerror(errno));
  }
  return {};
}

}  // namespace drover::runtimes
