// The first line of an HTTP answer (RFC 9112, 4).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace drover {

/// Longer ones are no answer of a server that means well.
inline constexpr std::size_t kMostStatusLine = 1024;

/// The status, 100 to 599, of an answer that begins with `text`, whose first line is whole; none
/// when it is no HTTP/1.
std::optional<int> http_status(std::string_view text);

}  // namespace drover
