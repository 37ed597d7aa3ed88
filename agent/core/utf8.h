// UTF-8 (RFC 3629), which every text that leaves the agent has to be.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace drover {

/// How many bytes at the start of `text` are UTF-8; all of them when the whole text is.
std::size_t utf8_prefix(std::string_view text);
/// `text` with U+FFFD for each byte that belongs to no character.
std::string repair_utf8(std::string_view text);

}  // namespace drover
