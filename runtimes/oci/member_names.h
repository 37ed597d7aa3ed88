// Names of members of the OCI configuration that runc and crun read differently.
#pragma once

#include <optional>
#include <string>

#include "agent/core/json.h"

namespace drover::runtimes {

/// The place (dots between its parts) of the first member of a patch whose name is that of the OCI
/// runtime specification in other letters, as "linux.CgroupsPath"; nothing when there is none. runc
/// takes it for the member itself, since Go's encoding/json minds neither case nor the letters of
/// Unicode that fold to ASCII's (U+017F and U+212A); crun passes over it. Names that are a job's to
/// choose (of annotations, sysctls and files of control groups) are none of them.
std::optional<std::string> other_spelling(const json::Object& patch);

}  // namespace drover::runtimes
