// OciLayout: reads what an OCI image layout says of one of its images (OCI image spec).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtimes/container.h"

namespace drover::runtimes {

/// One image of a layout of this node.
struct LayoutImage {
  Path layout;
  std::string tag;             ///< of its index.json; "" for a digest
  std::string digest{};        ///< of a manifest or an index among its blobs, whatever its tags say
  std::string architecture{};  ///< "" for this machine's
  std::string variant{};       ///< of that, in an index; "" for none, or else any
  /// Where to find the layout, for one that is held open ("/proc/self/fd/N"); "" for where it lies.
  Path opened{};
};

struct ImageLayer {
  std::string digest;  ///< of its blob
  std::string media_type;
  std::uint64_t bytes = 0;
  std::string diff_id{};  ///< digest of its tar, as the configuration has it; "" where nobody says
};

struct ImageManifest {
  std::string digest;  ///< "sha256:" and 64 hexadecimal digits
  std::string media_type;
  std::uint64_t bytes = 0;         ///< of the manifest itself
  std::string configuration;       ///< digest
  std::vector<ImageLayer> layers;  ///< the lowest first
  ImageConfig config;
};

/// The image, for the architecture that is asked for where it is an index of several. One that was
/// asked for by name must be that of the image. Every blob read is
/// held against its digest; layers are not read. `not_found` names what is missing, `invalid` what
/// is wrong.
Result<ImageManifest> read_image(const LayoutImage& image);

/// The same without `config` and what else only that blob says, which is not read.
Result<ImageManifest> read_manifest(const LayoutImage& image);

/// What index.json says that the tag is; it may be an index.
Result<std::string> tagged_digest(const LayoutImage& image);

/// The "config" member of an image's configuration.
ImageConfig read_image_config(const json::Value& configuration);

/// "sha256:" and the digits of the digest of `data`.
std::string sha256_digest(std::string_view data);

/// As images call that of this machine: "amd64".
std::string_view node_architecture();

}  // namespace drover::runtimes
