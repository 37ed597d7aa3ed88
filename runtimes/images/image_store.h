// ImageStore: roots of images, unpacked once by digest and shared below overlays.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/system/stop.h"
#include "runtimes/container.h"
#include "runtimes/images/oci_layout.h"

namespace drover::runtimes {

struct Image {
  std::string reference;
  std::string digest;  ///< "sha256:..." of the manifest; "" for a plain folder
  Path rootfs;         ///< never written to
  ImageConfig config;
  /// While anybody holds it `remove` leaves the root alone. Hold it until the journal says who uses
  /// the root.
  std::shared_ptr<const void> pin{};
};

class ImageStore {
 public:
  explicit ImageStore(Layout layout);

  /// The image of "oci:/path/to/layout:tag", unpacked by umoci when this digest was not here yet.
  /// Two callers for one digest unpack once. `not_found` names what is missing.
  Result<Image> ensure(const std::string& reference, const system::Stop& stop);
  /// The same of a layout that is open already, whatever stands at its path now.
  Result<Image> ensure(const std::string& reference, const system::UniqueFd& layout,
                       const system::Stop& stop);
  /// Whether `ensure` would find it unpacked. False also for what names no image.
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

  /// Mounts an overlay of `lower` at Layout::rootfs(name), writes going to Layout's upper folder.
  /// Mounted already is success.
  Result<> mount_root(const ContainerName& name, const Path& lower);
  /// The same of a folder that is open already, whatever stands at `lower`, its path, now.
  Result<> mount_root(const ContainerName& name, const Path& lower, const system::UniqueFd& opened);
  /// Unmounts it and removes what was written. Absent is success.
  Result<> unmount_root(const ContainerName& name, const system::Stop& stop);

 private:
  /// One root, by its folder's name.
  struct Root {
    std::mutex busy;                // held while it is unpacked or removed
    std::weak_ptr<const void> pin;  // guarded by busy
  };
  std::shared_ptr<Root> root_named(const std::string& folder);
  Result<Image> ensure(const std::string& text, const ImageReference& reference,
                       const system::Stop& stop);
  /// All that lie in the store.
  Result<std::vector<Path>> folders() const;

  Layout layout_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Root>> roots_;  // guarded by mutex_
};

}  // namespace drover::runtimes
