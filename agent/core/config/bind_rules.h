// What the rules of policy.binds say of a folder or file, by its name alone.
#pragma once

#include <vector>

#include "agent/core/config/policy.h"

namespace drover {

/// The longest of them that it lies below; nullptr for none.
const AllowedBind* deciding_bind(const std::vector<AllowedBind>& binds, const path& source);

}  // namespace drover
