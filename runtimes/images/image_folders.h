// ImageFolders: the names of what lies in the folder of images.
#pragma once

#include <string>
#include <string_view>

#include "agent/system/file.h"

namespace drover::runtimes {

// Beside a root's folder, what is not yet whole and what is no more. No digest begins with a dot.
inline constexpr std::string_view kUnfinished = ".";
inline constexpr std::string_view kGone = ".gone-";

std::string beside(std::string_view prefix, const system::Path& folder);

/// The folder that this is a half of; "" for any other.
std::string whole_of(const system::Path& folder);

/// The inverse of Layout::image; "" for what is no root's folder.
std::string digest_in(std::string_view folder);

}  // namespace drover::runtimes
