// Name patterns of the routing rules.
#pragma once

#include <string_view>

namespace drover {

/// Whether all of `text` fits `pattern`: `*` any run of characters (also none), `?` any one
/// character, everything else itself. Byte-wise and case-sensitive. Backtracks fully, so "a*b" fits
/// "axbyb", in at most size(text) * size(pattern) steps and without recursion.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace drover
