// Which folder a path lies in, by names alone: links are another matter (openat2(2)).
#pragma once

#include <filesystem>

namespace drover {

/// Part by part: "/database" does not lie below "/data", and "/data" does. Both in normal form.
bool lies_below(const std::filesystem::path& inner, const std::filesystem::path& folder);
/// In normal form without a slash at its end, which that form keeps.
std::filesystem::path without_last_slash(const std::filesystem::path& folder);

}  // namespace drover
