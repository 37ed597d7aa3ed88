// The configuration's section "images".
#pragma once

#include <cstdint>
#include <filesystem>

#include "agent/core/fields.h"

namespace drover {

using std::filesystem::path;

/// Section "images": where images come from.
struct ImagesConfig {
  path auth_file;  ///< logins of registries, as skopeo login writes them; "" for none
  path policy_file = "/etc/containers/policy.json";  ///< which images are trusted
  path certificate_folder;            ///< a folder a registry; "" for skopeo's own places
  std::int64_t timeout_s = 3600;      ///< of one fetch
};

/// The section, with every fault in it and its pointer below `at`.
ImagesConfig read_images_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
