// ImageStore: roots of images, unpacked once by digest, in layers that images share, below
// overlays.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "agent/core/image_reference.h"
#include "agent/system/stop.h"
#include "runtimes/images/image.h"
#include "runtimes/images/image_blobs.h"
#include "runtimes/images/image_flights.h"
#include "runtimes/images/oci_layout.h"
#include "runtimes/images/skopeo.h"

namespace drover::runtimes {

class ImageStore {
 public:
  explicit ImageStore(Layout layout, SkopeoOptions skopeo = {});

  /// The image of "oci:/path/to/layout:tag", unpacked by umoci when this digest was not here yet.
  /// Two callers for one digest unpack once. `not_found` names what is missing.
  Result<Image> ensure(const std::string& reference, const system::Stop& stop);
  /// The same of a layout that is open already, whatever stands at its path now.
  Result<Image> ensure(const std::string& reference, const system::UniqueFd& layout,
                       const system::Stop& stop);
  /// The image of a registry, as it is there now, or of an archive or a template, `file`, as it is
  /// open: fetched by skopeo, or what template_layout.h makes of it, and unpacked; what is here
  /// already is neither fetched nor unpacked again. All that happens once for all who ask for
  /// `reference` meanwhile, and until the last of them has gone by its `stop`. `tell` hears every
  /// `tell_every` how far it is, when there is something new.
  Result<Image> fetch(const std::string& reference, system::UniqueFd file, const system::Stop& stop,
                      const std::function<void(const std::string& line)>& tell,
                      std::chrono::milliseconds tell_every);
  /// One of those that is here by its digest; none when it has to be fetched.
  Result<std::optional<Image>> find(const std::string& reference, const std::string& digest,
                                    const system::Stop& stop);
  /// The same, or where `digest` is "" the layout that `reference` names, if it is unpacked
  /// already; to look at it is not to use it.
  Result<std::optional<Image>> look_at(const std::string& reference, const std::string& digest,
                                       const system::Stop& stop);
  /// Whether `ensure` would find it unpacked. False also for what names no image of a layout.
  bool has(const std::string& reference) const;
  /// Takes the root of this digest away, at once and whole, when `may_go` says so, which is asked
  /// while nobody can begin to use it. Absent is success. `unavailable` while it is unpacked or
  /// pinned.
  Result<> remove(const std::string& digest, const std::function<Result<bool>()>& may_go,
                  const system::Stop& stop);
  /// Of all roots that are whole; not those that somebody is at, or has pinned.
  Result<std::vector<std::string>> digests();
  /// Folders that an unpacking or a removal was cut off in, by an agent's end; not those that
  /// somebody is at.
  Result<std::vector<Path>> unfinished();
  /// Removes one of them; `conflict` when somebody is at it now.
  Result<> remove_unfinished(const Path& folder);
  /// Removes all of them.
  Result<> sweep(const system::Stop& stop);

  /// When it was last made, asked for or noted as in use, in seconds since 1970; 0 for none.
  std::int64_t last_use(const std::string& digest) const;
  void note_use(const std::string& digest) const;
  /// Of the disk, about as much as its removal gives back.
  std::uint64_t bytes_of(const std::string& digest) const;
  /// Removes blobs and layers of no image that have been there for `age`, as of a fetch that was
  /// broken off; none while something is fetched, or unpacked. How many bytes that were.
  Result<std::uint64_t> remove_strays(std::chrono::seconds age);

  /// Mounts an overlay of `lower` at Layout::rootfs(name), writes going to Layout::root_layers.
  /// Mounted already is success.
  Result<> mount_root(const ContainerName& name, const Path& lower);
  /// The same of a folder that is open already, whatever stands at `lower`, its path, now.
  Result<> mount_root(const ContainerName& name, const Path& lower, const system::UniqueFd& opened,
                      const std::string& layers = "");
  /// The same with its files shown as those of the user namespace `users`, whose root is `first` on
  /// the node; what is written belongs to these. `refused` where the file system of `lower` cannot.
  Result<> mount_root_for(const ContainerName& name, const Path& lower,
                          const system::UniqueFd& opened, const system::UniqueFd& users,
                          std::uint32_t first, const std::string& layers = "");
  /// `refused` where that cannot be, by the kernel or the file system of images: found out by doing
  /// it, until it has been done once, because a full disk refuses it as well. What cannot even be
  /// tried is left to the mount.
  Result<> check_other_owners();
  /// Unmounts it; what was written stays. Absent is success.
  Result<> leave_root(const ContainerName& name, const system::Stop& stop);
  /// The same, and removes what was written to it and to its former ones.
  Result<> unmount_root(const ContainerName& name, const system::Stop& stop);
  /// Removes what was written to roots that it has had, but for these (Layout::root_layers), which
  /// are to name the one that is mounted.
  Result<> forget_roots(const ContainerName& name, const std::set<std::string>& kept);

 private:
  /// One root, by its folder's name.
  struct Root {
    std::mutex busy;                // held while it is unpacked or removed
    std::weak_ptr<const void> pin;  // guarded by busy
  };
  std::shared_ptr<Root> root_named(const std::string& folder);
  /// `below`: what lies below it (named_below).
  Result<> mount_overlay(const ContainerName& name, const Path& lower, const std::string& below,
                         const std::string& layers);
  /// Where a layer with other owners is mounted, as long as an overlay of it is made.
  Path shifted_lower(const ContainerName& name) const { return layout_.container(name) / "lower"; }
  /// Waits for whoever is at it; that this job is cancelled is heard meanwhile.
  static Result<std::unique_lock<std::mutex>> hold(Root& root, const std::string& what,
                                                   const system::Stop& stop);
  Result<Image> ensure(const std::string& text, const LayoutImage& image, const system::Stop& stop);
  /// All of it is here, as far as folders' names tell.
  Result<bool> is_whole(const std::string& digest) const;
  /// The folders that its root is made of.
  std::vector<Path> parts_of(const std::string& digest) const;
  Result<> unpack(const LayoutImage& image, const ImageManifest& manifest,
                  const system::Stop& stop);
  /// `names`: of all up to this one.
  Result<> unpack_layer_once(const LayoutImage& image, const ImageLayer& layer,
                             std::vector<std::string> names, const system::Stop& stop);
  /// By how many images.
  Result<std::map<std::string, int>> used_layers() const;
  /// Removes what is left of an image that is no more, its list of layers last.
  Result<> remove_gone(const Path& folder);
  /// Removes those of it, but none of others'.
  Result<> remove_layers(const std::vector<std::string>& names);
  /// The same of no image that were made at `before`, in seconds since 1970, or earlier.
  Result<std::uint64_t> remove_stray_layers(std::int64_t before);
  Result<> remove_layer(const std::string& name);
  void tidy_layers() const;
  /// What lies below the overlay of a root.
  struct Lower {
    system::UniqueFd folder;          ///< the root itself, or where all layers are
    std::vector<std::string> layers;  ///< those of the root, the lowest first
  };
  /// Of the root `lower`, which is open as `opened`.
  Result<Lower> lower_of(const Path& lower, const system::UniqueFd& opened) const;
  /// As an overlay's option lowerdir has it, for as long as `folder` is open.
  static std::string named_below(const system::UniqueFd& folder,
                                 const std::vector<std::string>& layers);
  Image pinned(Root& root, const std::string& text, const ImageManifest& manifest) const;
  /// Where one that is being fetched has what is not yet among the blobs.
  Path fetch_folder(const std::string& text) const;
  Result<Image> fetch_now(const std::string& text, const ImageReference& reference,
                          const system::UniqueFd& file, const system::Stop& stop,
                          const ImageFlights::Line& line);
  Result<std::string> fetch_blobs(const ImageReference& reference, const system::UniqueFd& file,
                                  const Path& folder, const system::Stop& stop,
                                  const ImageFlights::Line& line);
  /// Removes those of an image that is no more, but none of others'.
  Result<> remove_blobs(const std::set<std::string>& blobs);
  /// Of all images that lie here.
  Result<std::set<std::string>> used_blobs() const;
  /// All that lie in the store.
  Result<std::vector<Path>> folders() const;

  Layout layout_;
  SkopeoOptions skopeo_;
  ImageBlobs blobs_;
  std::shared_mutex blobs_in_use_;   // shared while they are fetched and unpacked
  std::shared_mutex layers_in_use_;  // shared while some are unpacked for an image
  ImageFlights flights_;
  std::mutex owners_mutex_;
  bool has_other_owners_ = false;  // guarded by owners_mutex_
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Root>> roots_;  // guarded by mutex_
};

}  // namespace drover::runtimes
