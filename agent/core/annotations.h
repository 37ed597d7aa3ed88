// Annotations: what a container's configuration carries for other programs (OCI runtime spec).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/core/fields.h"

namespace drover {

/// Names that begin so are Drover's own stamps, and no job's to give.
inline constexpr std::string_view kOwnAnnotations = "org.drover.";

/// The member "annotations" of a spec.
std::map<std::string, std::string> read_annotations(Fields& spec);

}  // namespace drover
