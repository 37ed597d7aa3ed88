// OciPatch: what a job changes in the OCI configuration that its container is made of.
#pragma once

#include "agent/core/fields.h"

namespace drover {

/// The member "oci" of a spec: a merge patch (RFC 7396) for config.json as Drover would write it,
/// at most 64 KiB as compact JSON, and 16 objects and arrays within each other. Empty for none.
json::Object read_oci_patch(Fields& spec);

}  // namespace drover
