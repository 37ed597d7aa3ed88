// OciLayout: reads what an OCI image layout says of one of its images (OCI image spec).
#pragma once

#include <string>

#include "runtimes/container.h"

namespace drover::runtimes {

/// "oci:/path/to/layout:tag" taken apart.
struct ImageReference {
  Path layout;
  std::string tag;
  /// Where to find the layout, for one that is held open ("/proc/self/fd/N"); "" for where it lies.
  Path opened{};
};

/// `invalid` for every other form, and for a path that is not absolute.
Result<ImageReference> parse_image_reference(std::string_view text);

struct ImageManifest {
  std::string digest;  ///< "sha256:" and 64 hexadecimal digits
  ImageConfig config;
};

/// The image of the tag, for this machine's architecture where the tag is an index of several.
/// Every blob read is held against its digest. `not_found` names what is missing, `invalid` what is
/// wrong.
Result<ImageManifest> read_image(const ImageReference& reference);

/// The "config" member of an image's configuration.
ImageConfig read_image_config(const json::Value& configuration);

}  // namespace drover::runtimes
