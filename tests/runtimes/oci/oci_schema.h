// OciSchema: oci_runtime.schema.json beside this, which says what a config.json may hold. It is
// stricter than the specification in that it knows only what Drover emits: a member of another name
// would be dropped by the runtime in silence.
#pragma once

#include <string>

#include "agent/core/json.h"

namespace drover::runtimes {

/// What is wrong with the configuration, a line each; "" for nothing.
std::string schema_faults(const json::Value& document);

}  // namespace drover::runtimes
