#include "runtimes/images/image_store.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "agent/system/child.h"
#include "runtimes/images/oci_layout.h"
#include "runtimes/volumes/mount_table.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::minutes kUnpackTimeout{30};

/// Overlay's options are one string, in which a comma ends an option and a colon a lower folder;
/// both, and the backslash itself, are escaped by a backslash (fs/overlayfs/params.c).
std::string escaped(const Path& path) {
  std::string text;
  for (const char c : path.native()) {
    if (c == ',' || c == ':' || c == '\\') {
      text.push_back('\\');
    }
    text.push_back(c);
  }
  return text;
}

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

/// Unpacks into `unfinished`, which becomes `folder` once it is whole.
Result<> unpack(const ImageReference& reference, const std::string& digest, const Path& unfinished,
                const Path& folder, const system::Stop& stop) {
  TRY(system::remove_tree(unfinished));
  TRY(system::make_folders(unfinished, 0700));
  system::RunOptions options;
  options.timeout = kUnpackTimeout;
  TRY(system::run_ok(
      {"umoci", "raw", "unpack", "--image", reference.layout.native() + ":" + reference.tag,
       (unfinished / "rootfs").native()},
      stop, options));
  // umoci takes tags only, and the tag may have been moved meanwhile.
  if (const ImageManifest now = TRY(read_image(reference)); now.digest != digest) {
    return fail(Code::unavailable, "it was changed from {} to {} meanwhile", digest, now.digest);
  }
  TRY(sync_folder(unfinished));
  if (::rename(unfinished.c_str(), folder.c_str()) != 0) {
    return fail(Code::broken, "rename {} to {}: {}", unfinished.native(), folder.native(),
                std::strerror(errno));
  }
  return {};
}

}  // namespace

ImageStore::ImageStore(Layout layout) : layout_(std::move(layout)) {}

Result<Image> ImageStore::ensure(const std::string& text, const system::Stop& stop) {
  const ImageReference reference = TRY(parse_image_reference(text));
  ImageManifest manifest = TRY(read_image(reference));
  const std::string name = "sha256-" + manifest.digest.substr(manifest.digest.find(':') + 1);
  const Path folder = layout_.images() / name;
  std::shared_ptr<std::mutex> mutex;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<std::mutex>& entry = unpacking_[manifest.digest];
    if (entry == nullptr) {
      entry = std::make_shared<std::mutex>();
    }
    mutex = entry;
  }
  const std::lock_guard lock(*mutex);
  std::error_code error;
  if (!std::filesystem::is_directory(folder / "rootfs", error)) {
    TRY(stop.check("unpack image " + text));
    const Path unfinished = layout_.images() / ("." + name);
    const Result<> unpacked = unpack(reference, manifest.digest, unfinished, folder, stop);
    if (!unpacked) {
      [[maybe_unused]] const Result<> removed = system::remove_tree(unfinished);
      return Failure(Error(unpacked.error()).context("unpack image " + text));
    }
  }
  return Image{text, std::move(manifest.digest), folder / "rootfs", std::move(manifest.config)};
}

Result<> ImageStore::mount_root(const ContainerName& name, const Path& lower) {
  const Path target = layout_.rootfs(name);
  const Path upper = layout_.container(name) / "upper";
  const Path work = layout_.container(name) / "work";
  std::error_code error;
  if (!std::filesystem::is_directory(lower, error)) {
    return fail(Code::not_found, "the root of container {} shall be {}, which is no folder",
                name.str(), lower.native());
  }
  for (const Path& folder : {target, upper, work}) {
    TRY(system::make_folders(folder));
  }
  if (TRY(is_mounted(target))) {
    return {};
  }
  const std::string options = fmt::format("lowerdir={},upperdir={},workdir={}", escaped(lower),
                                          escaped(upper), escaped(work));
  if (options.size() >= static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    return fail(Code::refused, "mount the root of container {}: its paths are too long together",
                name.str());
  }
  if (::mount("overlay", target.c_str(), "overlay", MS_NODEV, options.c_str()) != 0) {
    const int number = errno;
    return fail(Code::broken, "mount an overlay of {} at {}: {}", lower.native(), target.native(),
                number == EINVAL
                    ? "the kernel refuses it; the state folder must be on a file system that can "
                      "hold an overlay's upper layer (ext4, xfs, btrfs, tmpfs)"
                    : std::strerror(number));
  }
  return {};
}

Result<> ImageStore::unmount_root(const ContainerName& name, const system::Stop& stop) {
  TRY(unmount_volume(layout_.rootfs(name), stop));
  TRY(system::remove_tree(layout_.container(name) / "upper"));
  return system::remove_tree(layout_.container(name) / "work");
}

}  // namespace drover::runtimes
