// Members of the configuration that are paths on the node.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

using std::filesystem::path;

/// An absolute path or "", else a fault and `otherwise`.
path read_absolute(Fields& fields, std::string_view key, const path& otherwise);
/// An array of absolute paths; each other one is a fault.
std::vector<path> read_folders(Fields& fields, std::string_view key, std::vector<path> otherwise);

}  // namespace drover
