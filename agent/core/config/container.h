// The configuration's section "container".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

using std::filesystem::path;

/// Section "container": defaults and bounds of what jobs may ask.
struct ContainerConfig {
  std::string default_image;  ///< "" : a job must name one
  /// "oci:" layouts, roots and templates' files must lie below one of these; empty: anywhere.
  std::vector<path> image_folders;
  std::int64_t memory_mib = 0;  ///< default limit, 0 for none
  std::int64_t pids = 4096;
  /// Ids of the node that containers with users of their own are given: `user_ranges` times 65536
  /// of them from `first_user` on. Podman's and Kubernetes' nodes have theirs there, too, above
  /// what systemd, shadow's subuid(5), AD and LDAP give out.
  std::int64_t first_user = 2147483648;
  std::int64_t user_ranges = 32767;
};

/// The section, with every fault in it and its pointer below `at`.
ContainerConfig read_container_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
