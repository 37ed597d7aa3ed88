// ImageStore: roots of images, unpacked once by digest and shared below overlays.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "agent/system/stop.h"
#include "runtimes/container.h"

namespace drover::runtimes {

struct Image {
  std::string reference;
  std::string digest;  ///< "sha256:..." of the manifest; "" for a plain folder
  Path rootfs;         ///< never written to
  ImageConfig config;
};

class ImageStore {
 public:
  explicit ImageStore(Layout layout);

  /// The image of "oci:/path/to/layout:tag", unpacked by umoci when this digest was not here yet.
  /// Two callers for one digest unpack once. `not_found` names what is missing.
  Result<Image> ensure(const std::string& reference, const system::Stop& stop);

  /// Mounts an overlay of `lower` at Layout::rootfs(name), writes going to Layout's upper folder.
  /// Mounted already is success.
  Result<> mount_root(const ContainerName& name, const Path& lower);
  /// Unmounts it and removes what was written. Absent is success.
  Result<> unmount_root(const ContainerName& name, const system::Stop& stop);

 private:
  Layout layout_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<std::mutex>> unpacking_;  // by digest, guarded by mutex_
};

}  // namespace drover::runtimes
