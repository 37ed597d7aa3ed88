// One layer of an image, unpacked onto those below it.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtimes/images/umoci.h"
#include "runtimes/images/unpack_image.h"

namespace drover::runtimes {
namespace {

std::string digits_of(const std::string& digest) {
  return digest.substr(digest.find(':') + 1);
}

/// A layout of an image that has this layer only.
Result<> make_layer_layout(const Path& layout, const ImageLayer& layer) {
  const Path blobs = layout / "blobs/sha256";
  TRY(system::make_folders(blobs, 0700));
  const std::string source =
      fmt::format("/proc/self/fd/{}/blobs/sha256/{}", kSourceOfUmoci, digits_of(layer.digest));
  const Path blob = blobs / digits_of(layer.digest);
  if (symlink(source.c_str(), blob.c_str()) != 0) {
    return fail(Code::broken, "link {}: {}", blob.native(), std::strerror(errno));
  }
  // Of its configuration umoci reads what the layer's tar must be.
  json::Object manifest = TRY(write_manifest(blobs, layer, node_architecture(), {}));
  return write_layout(layout, std::move(manifest));
}

/// An overlay's own root is that of its upper folder: the layer has it as those below left it,
/// until it says otherwise.
Result<> copy_root(const Path& from, const Path& to) {
  struct stat found {};
  if (stat(from.c_str(), &found) != 0 || ::chown(to.c_str(), found.st_uid, found.st_gid) != 0 ||
      ::chmod(to.c_str(), found.st_mode & 07777) != 0) {
    return fail(Code::broken, "give {} the owner and mode of {}: {}", to.native(), from.native(),
                std::strerror(errno));
  }
  return {};
}

/// Names are those in `unfinished`, where umoci begins.
std::string overlay_options(const std::vector<std::string>& below, const Path& folder) {
  std::string lower;
  for (auto name = below.rbegin(); name != below.rend(); ++name) {
    lower += fmt::format("{}../{}/{}", lower.empty() ? "" : ":",
                         folder.parent_path().filename().native(), *name);
  }
  // Without what would let a layer say where else its files are: it stands by itself.
  return fmt::format(
      "lowerdir={},upperdir=upper,workdir=work,index=off,metacopy=off,redirect_dir=off",
      below.empty() ? "none" : lower);
}

}  // namespace

Result<> unpack_layer(const LayoutImage& image, const ImageLayer& layer,
                      const std::vector<std::string>& below, const Path& unfinished,
                      const Path& folder, const system::Stop& stop) {
  TRY(system::remove_tree(unfinished));
  TRY(system::make_folders(unfinished, 0700));
  for (const char* name : {"upper", "work", "merged", "none"}) {
    TRY(system::make_folders(unfinished / name));
  }
  if (!below.empty()) {
    TRY(copy_root(folder.parent_path() / below.back(), unfinished / "upper"));
  }
  TRY(make_layer_layout(unfinished / "layout", layer));
  const std::string options = overlay_options(below, folder);
  const auto mount_overlay = [&options] {
    return unshare(CLONE_NEWNS) == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("layer", "merged", "overlay", MS_NODEV, options.c_str()) == 0;
  };
  // What the file system of the state folder cannot be is an overlay's upper layer.
  TRY(unpack_by_umoci(image, unfinished, "merged", mount_overlay, stop)
          .context("through an overlay in " + unfinished.native()));
  TRY(sync_folder(unfinished));
  TRY(system::make_folders(folder.parent_path(), 0700));
  if (::rename((unfinished / "upper").c_str(), folder.c_str()) != 0) {
    return fail(Code::broken, "rename {} to {}: {}", (unfinished / "upper").native(),
                folder.native(), std::strerror(errno));
  }
  return system::remove_tree(unfinished);
}

}  // namespace drover::runtimes
