// ImageReference: the name of an image that containers' roots are made of, taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/core/result.h"

namespace drover {

struct ImageReference {
  enum class Kind {
    layout,          ///< a folder of the node (OCI image layout)
    registry,        ///< fetched from there
    oci_archive,     ///< a layout in a tar file of the node
    docker_archive,  ///< what docker save writes, a file of the node
    root_archive,    ///< all files of a root in a tar file of the node: a template of Proxmox's
    pushed,          ///< what a client has sent; it is nowhere but here
  };
  Kind kind = Kind::layout;
  std::string place;  ///< the absolute path; of any other HOST/REPOSITORY, as it was named
  std::string tag;    ///< of a docker archive REPOSITORY:TAG; "" for a digest, or an archive's only
  std::string digest;          ///< "sha256:" and 64 digits; "" for a tag
  std::string architecture{};  ///< as images call it ("arm64"); "" for this machine's
  std::string variant{};       ///< of that ("v7" of "arm"); "" for any

  /// Whether `place` is a path.
  bool lies_on_node() const { return kind != Kind::registry && kind != Kind::pushed; }
};

/// Of "oci:/LAYOUT:TAG", "oci:/LAYOUT@sha256:HEX", "docker://HOST/REPOSITORY:TAG",
/// "docker://HOST/REPOSITORY@sha256:HEX", "oci-archive:/FILE[:TAG]",
/// "docker-archive:/FILE[:REPOSITORY:TAG]" and "template:/FILE", each perhaps with "#ARCHITECTURE"
/// or "#ARCHITECTURE/VARIANT" behind, one that Linux runs on, and of "pushed:REPOSITORY:TAG".
/// `invalid`, with what is wrong, for every other text.
Result<ImageReference> parse_image_reference(std::string_view text);

/// "HOST/REPOSITORY:TAG" or "HOST/REPOSITORY@sha256:HEX", the repository in lower case; the host
/// may be left out. None for any other.
std::optional<ImageReference> parse_registry_image(std::string_view text);

/// "sha256:" and 64 digits 0-9a-f.
bool is_image_digest(std::string_view text);

}  // namespace drover
