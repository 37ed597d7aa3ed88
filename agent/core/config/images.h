// The configuration's section "images".
#pragma once

#include <cstdint>
#include <filesystem>

#include "agent/core/fields.h"

namespace drover {

using std::filesystem::path;

/// Section "images": where images come from, and how long they stay.
struct ImagesConfig {
  path auth_file;  ///< logins of registries, as skopeo login writes them; "" for none
  path policy_file = "/etc/containers/policy.json";  ///< which images are trusted
  path certificate_folder;           ///< a folder a registry; "" for skopeo's own places
  std::int64_t timeout_s = 3600;     ///< of one fetch
  std::int64_t full_percent = 85;    ///< of the disk: from here on unused ones are removed, ...
  std::int64_t enough_percent = 80;  ///< ... down to this
};

/// The section, with every fault in it and its pointer below `at`.
ImagesConfig read_images_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
