// Image: one that is here, unpacked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtimes/container.h"

namespace drover::runtimes {

struct Image {
  std::string reference;
  std::string digest;  ///< "sha256:..." of the manifest; "" for a plain folder
  Path rootfs;         ///< never written to; what stands for it (Layout::image_root)
  ImageConfig config;
  /// While anybody holds it the root is not removed. Hold it until the journal says who uses the
  /// root.
  std::shared_ptr<const void> pin{};
  std::vector<Path> parts{};  ///< the folders that its root is made of, the lowest first
};

}  // namespace drover::runtimes
