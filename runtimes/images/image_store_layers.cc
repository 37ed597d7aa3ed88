// What an ImageStore has in layers that images share.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

#include "agent/system/crash_point.h"
#include "runtimes/images/disk_usage.h"
#include "runtimes/images/image_folders.h"
#include "runtimes/images/image_layers.h"
#include "runtimes/images/image_store.h"
#include "runtimes/images/umoci.h"
#include "runtimes/images/unpack_image.h"

namespace drover::runtimes {
namespace {

bool is_folder(const Path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

/// Beside images' own folders: what is not yet a layer, or no more.
Path beside_layers(const Layout& layout, std::string_view prefix, const std::string& name) {
  return layout.images() / fmt::format("{}layer-{}", prefix, name);
}

}  // namespace

Result<bool> ImageStore::is_whole(const std::string& digest) const {
  const Result<std::vector<std::string>> layers = layers_of(layout_.image(digest));
  if (!layers && layers.error().code != Code::invalid) {
    return Failure(layers.error());  // who takes it for damaged takes it away
  }
  return layers && is_folder(layout_.image_root(digest)) &&
         std::all_of(layers->begin(), layers->end(), [this](const std::string& name) {
           return is_folder(layout_.image_layers() / name);
         });
}

std::vector<Path> ImageStore::parts_of(const std::string& digest) const {
  std::vector<Path> parts;
  const Result<std::vector<std::string>> layers = layers_of(layout_.image(digest));
  for (const std::string& name : layers.value_or(std::vector<std::string>())) {
    parts.push_back(layout_.image_layers() / name);
  }
  return parts.empty() ? std::vector<Path>{layout_.image_root(digest)} : parts;
}

Result<> ImageStore::unpack(const LayoutImage& image, const ImageManifest& manifest,
                            const system::Stop& stop) {
  const Path folder = layout_.image(manifest.digest);
  const Path unfinished = layout_.images() / beside(kUnfinished, folder);
  TRY(system::remove_tree(folder));  // what an admin has left of it
  const std::vector<std::string> names = layer_names(manifest);
  if (names.empty()) {
    return unpack_image(image, manifest, unfinished, folder, stop);
  }
  // Those that are here already must stay until they are written down as this image's.
  std::shared_lock in_use(layers_in_use_);
  TRY(system::remove_tree(unfinished));
  TRY(system::make_folders(unfinished / "rootfs"));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto end = names.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    const Result<> unpacked =
        unpack_layer_once(image, manifest.layers[i], {names.begin(), end}, stop);
    if (!unpacked && unpacked.error().code == Code::unavailable) {
      // For want of room, and those below it have taken some: the next attempt makes them anew.
      in_use.unlock();
      [[maybe_unused]] const Result<> removed = remove_layers(names);
    }
    if (!unpacked) {
      return Failure(unpacked.error());
    }
  }
  TRY(write_layers(unfinished, names));
  TRY(sync_folder(unfinished));
  if (::rename(unfinished.c_str(), folder.c_str()) != 0) {
    return fail(Code::broken, "rename {} to {}: {}", unfinished.native(), folder.native(),
                std::strerror(errno));
  }
  return {};
}

Result<> ImageStore::unpack_layer_once(const LayoutImage& image, const ImageLayer& layer,
                                       std::vector<std::string> names, const system::Stop& stop) {
  const std::string name = names.back();
  names.pop_back();
  const Path unfinished = beside_layers(layout_, kUnfinished, name);
  const std::shared_ptr<Root> busy = root_named(whole_of(unfinished));
  const std::unique_lock lock = TRY(hold(*busy, "layer " + layer.digest, stop));
  if (is_folder(layout_.image_layers() / name)) {
    return {};
  }
  TRY(stop.check("unpack layer " + layer.digest));
  const Result<> unpacked =
      unpack_layer(image, layer, names, unfinished, layout_.image_layers() / name, stop);
  system::crash_point("image layer unpacked");
  if (!unpacked) {
    [[maybe_unused]] const Result<> removed = system::remove_tree(unfinished);
    tidy_layers();
    return Failure(Error(unpacked.error()).context("unpack layer " + layer.digest));
  }
  return {};
}

Result<std::map<std::string, int>> ImageStore::used_layers() const {
  std::map<std::string, int> used;
  const std::vector<Path> all = TRY(folders());
  for (const Path& folder : all) {
    if (digest_in(folder.filename().native()).empty()) {
      continue;
    }
    const std::vector<std::string> layers =
        TRY(layers_of(folder).context("look which layers are in use"));
    for (const std::string& name : layers) {
      ++used[name];
    }
  }
  return used;
}

Result<> ImageStore::remove_layer(const std::string& name) {
  const Path gone = beside_layers(layout_, kGone, name);
  TRY(system::remove_tree(gone));
  if (::rename((layout_.image_layers() / name).c_str(), gone.c_str()) != 0 && errno != ENOENT) {
    return fail(Code::broken, "rename {} to {}: {}", (layout_.image_layers() / name).native(),
                gone.native(), std::strerror(errno));
  }
  system::crash_point("image layer gone");
  return system::remove_tree(gone);
}

void ImageStore::tidy_layers() const {
  std::error_code error;
  std::filesystem::remove(layout_.image_layers(), error);  // if it is empty
}

Result<> ImageStore::remove_gone(const Path& folder) {
  const Result<std::vector<std::string>> layers = layers_of(folder);
  if (layers) {
    TRY(remove_layers(*layers));
  } else if (layers.error().code != Code::invalid) {
    return Failure(layers.error());
  }
  return system::remove_tree(folder);
}

Result<> ImageStore::remove_layers(const std::vector<std::string>& names) {
  // Of those that are being unpacked, some may be below a new one.
  const std::unique_lock lock(layers_in_use_, std::try_to_lock);
  if (!lock.owns_lock()) {
    return {};
  }
  const std::map<std::string, int> used = TRY(used_layers());
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!used.contains(*name)) {
      TRY(remove_layer(*name));
    }
  }
  tidy_layers();
  return {};
}

Result<std::uint64_t> ImageStore::remove_stray_layers(std::int64_t before) {
  std::uint64_t bytes = 0;
  const std::unique_lock lock(layers_in_use_, std::try_to_lock);
  if (!lock.owns_lock()) {
    return bytes;
  }
  const std::map<std::string, int> used = TRY(used_layers());
  for (const Path& layer : system::children_of(layout_.image_layers())) {
    struct stat found {};
    // Its other times are the image's.
    if (!used.contains(layer.filename()) && stat(layer.c_str(), &found) == 0 &&
        found.st_ctim.tv_sec <= before) {
      bytes += disk_usage(layer);
      TRY(remove_layer(layer.filename()));
    }
  }
  tidy_layers();
  return bytes;
}

Result<ImageStore::Lower> ImageStore::lower_of(const Path& lower,
                                               const system::UniqueFd& opened) const {
  const Path image = lower.parent_path();
  const bool is_image = lower == layout_.image_root(digest_in(image.filename().native()));
  Lower parts;
  if (is_image) {
    parts.layers = TRY(layers_of(image));
  }
  parts.folder.reset(parts.layers.empty()
                         ? fcntl(opened.get(), F_DUPFD_CLOEXEC, 0)
                         : open(layout_.image_layers().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parts.folder.valid()) {
    return fail(Code::broken, "open {}: {}",
                (parts.layers.empty() ? lower : layout_.image_layers()).native(),
                std::strerror(errno));
  }
  return parts;
}

std::string ImageStore::named_below(const system::UniqueFd& folder,
                                    const std::vector<std::string>& layers) {
  const std::string path = fmt::format("/proc/self/fd/{}", folder.get());
  std::string below;
  for (auto name = layers.rbegin(); name != layers.rend(); ++name) {
    below += fmt::format("{}{}/{}", below.empty() ? "" : ":", path, *name);
  }
  return below.empty() ? path : below;
}

}  // namespace drover::runtimes
