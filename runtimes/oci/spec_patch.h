// SpecPatch: what a job changes in the OCI configuration that Drover has made for its container
// (member "oci" of a spec, a merge patch of RFC 7396).
#pragma once

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/core/runtime_kind.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// `refused` naming the member when the patch touches what Drover finds, limits and ends the
/// container by: its stamps, hooks, root, control group, namespaces and terminal. `invalid` with
/// every fault when what it sets is nothing that runc and crun take.
Result<> check_spec_patch(const json::Object& patch, RuntimeKind kind);

/// Merges it. `invalid` when the whole is no configuration then.
Result<> apply_spec_patch(Spec& spec, const json::Object& patch);

}  // namespace drover::runtimes
