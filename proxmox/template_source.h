// TemplateSource: where the content of a template is fetched from.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/result.h"
#include "proxmox/template_volume.h"

namespace drover::proxmox {

struct TemplateSource {
  enum class Kind {
    url,       ///< downloaded by the node's own daemon
    registry,  ///< pulled by it as an OCI archive
    file,      ///< of this node, uploaded by us
  };
  Kind kind = Kind::file;
  std::string place;   ///< the URL; HOST/REPOSITORY:TAG; the absolute path
  std::string sha256;  ///< 64 digits that its content must have; "" for any, always of a registry

  /// From "https://...", "http://..." (with a checksum only), "docker://HOST/REPOSITORY:TAG" or an
  /// absolute path, and "sha256:HEX" or "". `invalid` and `refused` say what is wrong with it, or
  /// why `volume` cannot be made from it.
  static Result<TemplateSource> read(const TemplateVolume& volume, const std::string& from,
                                     std::string_view checksum);
};

}  // namespace drover::proxmox
