// TemplateVolume: the name of what Proxmox makes guests from.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/result.h"

namespace drover::proxmox {

/// "STORAGE:vztmpl/FILE".
struct TemplateVolume {
  std::string storage;
  std::string file;

  std::string id() const { return storage + ":vztmpl/" + file; }
  /// Whether it is a tar file as it is, which is how Proxmox knows an OCI archive; every other
  /// template is a compressed one.
  bool is_plain_tar() const;

  /// `invalid` also for a file name that Proxmox would change, or would not take for a template.
  static Result<TemplateVolume> parse(std::string_view text);
};

/// Whether an image's reference means a template, well formed or not.
bool names_template(std::string_view image);

}  // namespace drover::proxmox
