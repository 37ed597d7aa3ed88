#include "runtimes/images/image_store.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "agent/system/idmapped_mount.h"
#include "runtimes/bind_sources.h"
#include "runtimes/images/image_folders.h"
#include "runtimes/images/image_layers.h"
#include "runtimes/images/oci_layout.h"
#include "runtimes/volumes/mount_table.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

constexpr int kLookAgainMs = 100;  ///< whether another job has done with an image

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

/// Names what is open itself, and not whatever has its name by now.
Path path_of(const system::UniqueFd& opened) {
  return fmt::format("/proc/self/fd/{}", opened.get());
}

Result<LayoutImage> layout_image(const std::string& text) {
  const ImageReference reference = TRY(parse_image_reference(text));
  if (reference.kind != ImageReference::Kind::layout) {
    return fail(Code::broken, "image {} is none of a layout", text);
  }
  return LayoutImage{.layout = reference.place,
                     .tag = reference.tag,
                     .digest = reference.digest,
                     .architecture = reference.architecture,
                     .variant = reference.variant};
}

}  // namespace

ImageStore::ImageStore(Layout layout, SkopeoOptions skopeo)
    : layout_(std::move(layout)), skopeo_(std::move(skopeo)), blobs_(layout_) {}

Result<std::vector<Path>> ImageStore::folders() const {
  std::vector<Path> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(layout_.images(), error), end;
       !error && entry != end; entry.increment(error)) {
    found.push_back(entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(Code::broken, "list {}: {}", layout_.images().native(), error.message());
  }
  return found;
}

Result<std::vector<std::string>> ImageStore::digests() {
  const std::vector<Path> all = TRY(folders());
  std::vector<std::string> found;
  for (const Path& folder : all) {
    std::string digest = digest_in(folder.filename().native());
    if (digest.empty()) {
      continue;
    }
    const std::shared_ptr<Root> root = root_named(folder.filename());
    const std::unique_lock lock(root->busy, std::try_to_lock);
    if (lock.owns_lock() && root->pin.expired()) {
      found.push_back(std::move(digest));
    }
  }
  return found;
}

Result<std::vector<Path>> ImageStore::unfinished() {
  std::vector<Path> found = TRY(folders());
  std::erase_if(found, [this](const Path& folder) {
    const std::string whole = whole_of(folder);
    if (whole.empty()) {
      return true;
    }
    const std::shared_ptr<Root> root = root_named(whole);
    return !std::unique_lock(root->busy, std::try_to_lock).owns_lock();
  });
  return found;
}

Result<> ImageStore::remove_unfinished(const Path& folder) {
  const std::string whole = whole_of(folder);
  if (whole.empty() || folder.parent_path() != layout_.images()) {
    return fail(Code::refused, "{} is no half of an image", folder.native());
  }
  const std::shared_ptr<Root> root = root_named(whole);
  // Whoever is at it now sees to it himself.
  const std::unique_lock lock(root->busy, std::try_to_lock);
  if (!lock.owns_lock()) {
    return fail(Code::conflict, "remove {}: it is being unpacked or removed", folder.native());
  }
  return remove_gone(folder);
}

Result<std::unique_lock<std::mutex>> ImageStore::hold(Root& root, const std::string& what,
                                                      const system::Stop& stop) {
  std::unique_lock lock(root.busy, std::defer_lock);
  while (!lock.try_lock()) {
    // Another job unpacks it, which may take minutes.
    TRY(stop.check("wait for image " + what + ", which another job unpacks"));
    pollfd asked{.fd = stop.fd(), .events = POLLIN, .revents = 0};
    poll(&asked, 1, kLookAgainMs);
  }
  return lock;
}

Image ImageStore::pinned(Root& root, const std::string& text, const ImageManifest& manifest) const {
  std::shared_ptr<const void> pin = root.pin.lock();
  if (pin == nullptr) {
    pin = std::make_shared<int>();
    root.pin = pin;
  }
  return Image{text,
               manifest.digest,
               layout_.image_root(manifest.digest),
               manifest.config,
               std::move(pin),
               parts_of(manifest.digest)};
}

Result<Image> ImageStore::ensure(const std::string& text, const system::Stop& stop) {
  const LayoutImage image = TRY(layout_image(text));
  return ensure(text, image, stop);
}

Result<Image> ImageStore::ensure(const std::string& text, const system::UniqueFd& layout,
                                 const system::Stop& stop) {
  LayoutImage image = TRY(layout_image(text));
  image.opened = path_of(layout);
  return ensure(text, image, stop);
}

Result<Image> ImageStore::ensure(const std::string& text, const LayoutImage& image,
                                 const system::Stop& stop) {
  const ImageManifest manifest = TRY(read_image(image));
  const Path folder = layout_.image(manifest.digest);
  const std::shared_ptr<Root> root = root_named(folder.filename());
  const std::unique_lock lock = TRY(hold(*root, text, stop));
  if (!TRY(is_whole(manifest.digest))) {
    TRY(stop.check("unpack image " + text));
    const Result<> unpacked = unpack(image, manifest, stop);
    if (!unpacked) {
      [[maybe_unused]] const Result<> removed =
          system::remove_tree(layout_.images() / beside(kUnfinished, folder));
      return Failure(Error(unpacked.error()).context("unpack image " + text));
    }
  }
  note_use(manifest.digest);
  return pinned(*root, text, manifest);
}

Result<std::optional<Image>> ImageStore::find(const std::string& text, const std::string& digest,
                                              const system::Stop& stop) {
  std::optional<Image> found = TRY(look_at(text, digest, stop));
  if (found) {
    note_use(digest);
  }
  return found;
}

Result<std::optional<Image>> ImageStore::look_at(const std::string& text, const std::string& digest,
                                                 const system::Stop& stop) {
  const Result<LayoutImage> image =
      digest.empty() ? layout_image(text) : Result<LayoutImage>(blobs_.image(digest));
  // What is damaged is as good as not there: it is fetched again.
  const Result<ImageManifest> manifest = image ? read_image(*image) : Failure(image.error());
  if (!manifest) {
    return std::optional<Image>();
  }
  const std::shared_ptr<Root> root = root_named(layout_.image(manifest->digest).filename());
  const std::unique_lock lock = TRY(hold(*root, text, stop));
  if (!TRY(is_whole(manifest->digest))) {
    return std::optional<Image>();
  }
  return std::optional(pinned(*root, text, *manifest));
}

bool ImageStore::has(const std::string& text) const {
  const auto find = [&]() -> Result<bool> {
    const LayoutImage image = TRY(layout_image(text));
    const ImageManifest manifest = TRY(read_image(image));
    return is_whole(manifest.digest);
  };
  return find().value_or(false);
}

std::shared_ptr<ImageStore::Root> ImageStore::root_named(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Root>& entry = roots_[folder];
  if (entry == nullptr) {
    entry = std::make_shared<Root>();
  }
  return entry;
}

Result<> ImageStore::remove(const std::string& digest, const std::function<Result<bool>()>& may_go,
                            const system::Stop& stop) {
  const Path folder = layout_.image(digest);
  TRY(stop.check("remove image " + digest));
  const std::shared_ptr<Root> root = root_named(folder.filename());
  const std::unique_lock lock(root->busy, std::try_to_lock);
  if (!lock.owns_lock() || !root->pin.expired()) {
    return fail(Code::unavailable, "remove image {}: a job is about to use it", digest);
  }
  if (!TRY(may_go())) {
    return {};
  }
  const std::set<std::string> blobs = blobs_.of_image(digest);
  const Path gone = layout_.images() / beside(kGone, folder);
  // An earlier agent may have come only so far.
  TRY(remove_gone(gone));
  if (::rename(folder.c_str(), gone.c_str()) != 0 && errno != ENOENT) {
    return fail(Code::broken, "rename {} to {}: {}", folder.native(), gone.native(),
                std::strerror(errno));
  }
  TRY(remove_gone(gone));
  return remove_blobs(blobs);
}

Result<> ImageStore::sweep(const system::Stop& stop) {
  const std::vector<Path> halves = TRY(unfinished());
  for (const Path& half : halves) {
    TRY(stop.check("delete " + half.native()));
    const Result<> removed = remove_unfinished(half);
    if (!removed && removed.error().code != Code::conflict) {
      return removed;
    }
  }
  return {};
}

Result<> ImageStore::mount_root(const ContainerName& name, const Path& lower) {
  const system::UniqueFd opened(open(lower.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!opened.valid()) {
    return fail(Code::not_found, "the root of container {} shall be {}, which is no folder",
                name.str(), lower.native());
  }
  return mount_root(name, lower, opened);
}

Result<> ImageStore::mount_root(const ContainerName& name, const Path& lower,
                                const system::UniqueFd& opened, const std::string& layers) {
  const Lower parts = TRY(lower_of(lower, opened));
  return mount_overlay(name, lower, named_below(parts.folder, parts.layers), layers);
}

Result<> ImageStore::mount_root_for(const ContainerName& name, const Path& lower,
                                    const system::UniqueFd& opened, const system::UniqueFd& users,
                                    std::uint32_t first, const std::string& layers) {
  if (TRY(is_mount_root(layout_.rootfs(name)))) {
    return {};
  }
  // An overlay takes layers with other owners (since Linux 5.19), and none that is mounted nowhere.
  const Path below = shifted_lower(name);
  const Lower parts = TRY(lower_of(lower, opened));
  const system::UniqueFd tree =
      TRY(system::clone_mount(parts.folder, false).context(lower.native()));
  TRY(system::map_owners(tree, users, false, lower));
  TRY(unmount_bind(below));
  TRY(system::make_folders(below, 0700));
  TRY(system::attach_mount(tree, below));
  // The upper layer holds the node's ids, as they are: it is empty, or was written by these users,
  // so that nothing has to be changed but itself, and no file of it with set-user-ID is ever one of
  // the node's root. An overlay would also not write into one with other owners, in which its maker
  // is nobody.
  const Path upper = layout_.root_layers(name, layers) / "upper";
  Result<> mounted = system::make_folders(upper);
  if (mounted && ::chown(upper.c_str(), first, first) != 0) {
    mounted = fail(Code::broken, "give {} to root of container {}: {}", upper.native(), name.str(),
                   std::strerror(errno));
  }
  if (mounted) {
    mounted = mount_overlay(name, lower, named_below(tree, parts.layers), layers);
  }
  TRY(unmount_bind(below));
  return mounted;
}

Result<> ImageStore::mount_overlay(const ContainerName& name, const Path& lower,
                                   const std::string& below, const std::string& layers) {
  const Path target = layout_.rootfs(name);
  const Path upper = layout_.root_layers(name, layers) / "upper";
  const Path work = layout_.root_layers(name, layers) / "work";
  for (const Path& folder : {target, upper, work}) {
    TRY(system::make_folders(folder));
  }
  if (TRY(is_mount_root(target))) {
    return {};
  }
  const std::string options =
      fmt::format("lowerdir={},upperdir={},workdir={}", below, escaped(upper), escaped(work));
  if (options.size() >= static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    return fail(Code::refused, "mount the root of container {}: its paths are too long together",
                name.str());
  }
  // The source of an overlay is a mere name; the mount table tells by it what lies below.
  if (::mount(lower.c_str(), target.c_str(), "overlay", MS_NODEV, options.c_str()) != 0) {
    const int number = errno;
    return fail(Code::broken, "mount an overlay of {} at {}: {}", lower.native(), target.native(),
                number == EINVAL
                    ? "the kernel refuses it; the state folder must be on a file system that can "
                      "hold an overlay's upper layer (ext4, xfs, btrfs, tmpfs)"
                    : std::strerror(number));
  }
  return {};
}

Result<> ImageStore::leave_root(const ContainerName& name, const system::Stop& stop) {
  return unmount_volume(layout_.rootfs(name), stop);
}

Result<> ImageStore::unmount_root(const ContainerName& name, const system::Stop& stop) {
  TRY(leave_root(name, stop));
  TRY(unmount_bind(shifted_lower(name)));
  return forget_roots(name, {});
}

Result<> ImageStore::forget_roots(const ContainerName& name, const std::set<std::string>& kept) {
  if (!kept.contains("")) {
    TRY(system::remove_tree(layout_.root_layers(name, "") / "upper"));
    TRY(system::remove_tree(layout_.root_layers(name, "") / "work"));
  }
  for (const Path& root : system::children_of(layout_.roots(name))) {
    if (!kept.contains(root.filename())) {
      TRY(system::remove_tree(root));
    }
  }
  std::error_code error;
  std::filesystem::remove(layout_.roots(name), error);  // if it is empty
  return {};
}

}  // namespace drover::runtimes
