// OciPatch: what a job changes in the OCI configuration that its container is made of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

/// The member "oci" of a spec: a merge patch (RFC 7396) for config.json as Drover would write it,
/// at most 64 KiB as compact JSON, and 16 objects and arrays within each other. Empty for none.
json::Object read_oci_patch(Fields& spec);

/// The first place that `patch` changes and that is neither one of `pointers` (RFC 6901) nor below
/// one; nothing when there is none. An empty object changes its place, where it makes one of what
/// is none.
std::optional<std::string> patched_beside(const json::Object& patch,
                                          const std::vector<std::string>& pointers);

}  // namespace drover
