// Patterns of names: of the routing rules, and of what a node's policy allows.
#pragma once

#include <string_view>

namespace drover {

/// Whether all of `text` fits `pattern`: `*` any run of characters (also none), `?` any one
/// character, everything else itself. Byte-wise and case-sensitive. Backtracks fully, so "a*b" fits
/// "axbyb", in at most size(text) * size(pattern) steps and without recursion.
bool glob_match(std::string_view pattern, std::string_view text);

/// The same part by part between the slashes, over which no `*` and no `?` goes.
bool path_glob_match(std::string_view pattern, std::string_view path);

}  // namespace drover
