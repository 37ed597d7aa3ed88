// Lists in one text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// What stands between the characters of `separators`; where two meet there is nothing.
std::vector<std::string> split(std::string_view text, std::string_view separators);

}  // namespace drover
