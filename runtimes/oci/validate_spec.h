// The rules of an OCI configuration, each fault with its JSON pointer.
#pragma once

#include "agent/core/fields.h"

namespace drover::runtimes {

/// Adds to `faults` everything in `document` that runc or crun would trip over. Unknown members are
/// none: the specification lets anybody add some.
void validate_spec(const json::Value& document, Faults& faults);

}  // namespace drover::runtimes
