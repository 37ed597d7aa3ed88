#include "runtimes/images/image_store.h"

#include <fcntl.h>
#include <poll.h>
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

/// Beside a root's folder, what is not yet whole and what is no more. No digest begins with a dot.
constexpr std::string_view kUnfinished = ".";
constexpr std::string_view kGone = ".gone-";

std::string beside(std::string_view prefix, const Path& folder) {
  return std::string(prefix) + folder.filename().native();
}

/// The root's folder that this is a half of; "" for any other.
std::string whole_of(const Path& folder) {
  const std::string name = folder.filename();
  for (const std::string_view prefix : {kGone, kUnfinished}) {
    if (name.starts_with(prefix)) {
      return name.substr(prefix.size());
    }
  }
  return "";
}

/// The inverse of Layout::image; "" for what is no root's folder.
std::string digest_in(std::string_view folder) {
  constexpr std::string_view kAlgorithm = "sha256-";
  constexpr std::size_t kDigits = 64;
  if (!folder.starts_with(kAlgorithm) || folder.size() != kAlgorithm.size() + kDigits ||
      folder.find_first_not_of("0123456789abcdef", kAlgorithm.size()) != std::string_view::npos) {
    return "";
  }
  return fmt::format("sha256:{}", folder.substr(kAlgorithm.size()));
}

/// Unpacks into `unfinished`, which becomes `folder` once it is whole.
Result<> unpack(const ImageReference& reference, const std::string& digest, const Path& unfinished,
                const Path& folder, const system::Stop& stop) {
  TRY(system::remove_tree(unfinished));
  TRY(system::make_folders(unfinished, 0700));
  // By number, as it may have been opened.
  constexpr int kLayout = 3;
  const Path& where = reference.opened.empty() ? reference.layout : reference.opened;
  const system::UniqueFd layout(open(where.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!layout.valid()) {
    return fail(Code::broken, "open {}: {}", reference.layout.native(), std::strerror(errno));
  }
  system::RunOptions options;
  options.timeout = kUnpackTimeout;
  options.child.descriptors = {{layout.get(), kLayout}};
  TRY(system::run_ok({"umoci", "raw", "unpack", "--image",
                      fmt::format("/proc/self/fd/{}:{}", kLayout, reference.tag),
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
  return system::remove_tree(folder);
}

Result<Image> ImageStore::ensure(const std::string& text, const system::Stop& stop) {
  const ImageReference reference = TRY(parse_image_reference(text));
  return ensure(text, reference, stop);
}

Result<Image> ImageStore::ensure(const std::string& text, const system::UniqueFd& layout,
                                 const system::Stop& stop) {
  ImageReference reference = TRY(parse_image_reference(text));
  reference.opened = path_of(layout);
  return ensure(text, reference, stop);
}

Result<Image> ImageStore::ensure(const std::string& text, const ImageReference& reference,
                                 const system::Stop& stop) {
  ImageManifest manifest = TRY(read_image(reference));
  const Path folder = layout_.image(manifest.digest);
  const std::shared_ptr<Root> root = root_named(folder.filename());
  std::unique_lock lock(root->busy, std::defer_lock);
  while (!lock.try_lock()) {
    // Another job unpacks it, which may take minutes: that this one is cancelled is heard
    // meanwhile.
    TRY(stop.check("wait for image " + text + ", which another job unpacks"));
    pollfd asked{.fd = stop.fd(), .events = POLLIN, .revents = 0};
    poll(&asked, 1, kLookAgainMs);
  }
  std::error_code error;
  if (!std::filesystem::is_directory(folder / "rootfs", error)) {
    TRY(stop.check("unpack image " + text));
    const Path unfinished = layout_.images() / beside(kUnfinished, folder);
    const Result<> unpacked = unpack(reference, manifest.digest, unfinished, folder, stop);
    if (!unpacked) {
      [[maybe_unused]] const Result<> removed = system::remove_tree(unfinished);
      return Failure(Error(unpacked.error()).context("unpack image " + text));
    }
  }
  std::shared_ptr<const void> pin = root->pin.lock();
  if (pin == nullptr) {
    pin = std::make_shared<int>();
    root->pin = pin;
  }
  return Image{text, std::move(manifest.digest), folder / "rootfs", std::move(manifest.config),
               std::move(pin)};
}

bool ImageStore::has(const std::string& text) const {
  const auto find = [&]() -> Result<bool> {
    const ImageReference reference = TRY(parse_image_reference(text));
    const ImageManifest manifest = TRY(read_image(reference));
    std::error_code error;
    return std::filesystem::is_directory(layout_.image_root(manifest.digest), error);
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
  const Path gone = layout_.images() / beside(kGone, folder);
  TRY(system::remove_tree(gone));
  if (::rename(folder.c_str(), gone.c_str()) != 0 && errno != ENOENT) {
    return fail(Code::broken, "rename {} to {}: {}", folder.native(), gone.native(),
                std::strerror(errno));
  }
  return system::remove_tree(gone);
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
                                const system::UniqueFd& opened) {
  const Path target = layout_.rootfs(name);
  const Path upper = layout_.container(name) / "upper";
  const Path work = layout_.container(name) / "work";
  for (const Path& folder : {target, upper, work}) {
    TRY(system::make_folders(folder));
  }
  if (TRY(is_mounted(target))) {
    return {};
  }
  const std::string options = fmt::format("lowerdir={},upperdir={},workdir={}",
                                          path_of(opened).native(), escaped(upper), escaped(work));
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

Result<> ImageStore::unmount_root(const ContainerName& name, const system::Stop& stop) {
  TRY(unmount_volume(layout_.rootfs(name), stop));
  TRY(system::remove_tree(layout_.container(name) / "upper"));
  return system::remove_tree(layout_.container(name) / "work");
}

}  // namespace drover::runtimes
