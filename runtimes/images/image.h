// Image: one that is here, unpacked.
#pragma once

#include <memory>
#include <string>

#include "runtimes/container.h"

namespace drover::runtimes {

struct Image {
  std::string reference;
  std::string digest;  ///< "sha256:..." of the manifest; "" for a plain folder
  Path rootfs;         ///< never written to
  ImageConfig config;
  /// While anybody holds it the root is not removed. Hold it until the journal says who uses the
  /// root.
  std::shared_ptr<const void> pin{};
};

}  // namespace drover::runtimes
